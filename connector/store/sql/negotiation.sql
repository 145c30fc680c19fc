-- Negotiations.
-- name: add
insert into negotiation (
    id, role, peer, peer_pid, address, our_id, state, pending, dataset_id, offer, offer_token,
    approval, agreement_id, reason, reason_by, created_at, updated_at, expires_at, version
) values (
    :id, :role, :peer, :peer_pid, :address, :our_id, :state, :pending, :dataset_id, :offer,
    :offer_token, :approval, :agreement_id, :reason, :reason_by, :created_at, :updated_at,
    :expires_at, :version
);

-- name: get
select * from negotiation where id = :key;

-- name: save
-- Compare-and-set: no row is changed if somebody else changed it since it was read.
update negotiation set
    peer = :peer, peer_pid = :peer_pid, address = :address, our_id = :our_id, state = :state,
    pending = :pending, dataset_id = :dataset_id, offer = :offer, offer_token = :offer_token,
    approval = :approval, agreement_id = :agreement_id, reason = :reason, reason_by =
    :reason_by, updated_at = :updated_at, expires_at = :expires_at, version = :version + 1
where id = :id and version = :version;

-- name: by_peer_pid
select * from negotiation where peer = :peer and peer_pid = :peer_pid and role = :role;

-- name: page
select * from negotiation
where (:role is null or role = :role)
  and (:state is null or state = :state)
  and (:approval is null or approval = :approval)
  and (:peer is null or peer = :peer)
order by created_at desc, id limit :limit offset :offset;

-- name: everything
select * from negotiation order by created_at, id;

-- name: open_count
select count(*) from negotiation
where peer = :peer and (state is null or state not in ('FINALIZED', 'TERMINATED'));

-- name: open_for_asset
select count(*) from negotiation
where dataset_id = :dataset_id and role = 'PROVIDER' and (state is null or state not in ('FINALIZED', 'TERMINATED'));

-- name: counts
select role, coalesce(state, 'INITIAL') as state, count(*) as n from negotiation group by 1, 2;

-- name: delete
delete from negotiation where id = :id;
