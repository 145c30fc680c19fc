-- Transfers.
-- name: add
insert into transfer (
    id, role, peer, peer_pid, address, our_id, state, pending, agreement_id, dataset_id, format,
    data_address, purpose, declaration, wants_refresh, suspended_by, reason, reason_by,
    created_at, updated_at, expires_at, version
) values (
    :id, :role, :peer, :peer_pid, :address, :our_id, :state, :pending, :agreement_id,
    :dataset_id, :format, :data_address, :purpose, :declaration, :wants_refresh, :suspended_by,
    :reason, :reason_by, :created_at, :updated_at, :expires_at, :version
);

-- name: get
select * from transfer where id = :key;

-- name: save
-- Compare-and-set: no row is changed if somebody else changed it since it was read.
update transfer set
    peer = :peer, peer_pid = :peer_pid, address = :address, our_id = :our_id, state = :state,
    pending = :pending, agreement_id = :agreement_id, dataset_id = :dataset_id, format =
    :format, data_address = :data_address, purpose = :purpose, declaration = :declaration,
    wants_refresh = :wants_refresh, suspended_by = :suspended_by, reason = :reason, reason_by =
    :reason_by, updated_at = :updated_at, expires_at = :expires_at, version = :version + 1
where id = :id and version = :version;

-- name: by_peer_pid
select * from transfer where peer = :peer and peer_pid = :peer_pid and role = :role;

-- name: page
select * from transfer
where (:role is null or role = :role)
  and (:state is null or state = :state)
  and (:peer is null or peer = :peer)
order by created_at desc, id limit :limit offset :offset;

-- name: everything
select * from transfer order by created_at, id;

-- name: of_agreement
select * from transfer where agreement_id = :agreement_id order by created_at, id;

-- name: open
select * from transfer where state is null or state not in ('COMPLETED', 'TERMINATED') order by created_at, id;

-- name: counts
select role, coalesce(state, 'INITIAL') as state, count(*) as n from transfer group by 1, 2;
