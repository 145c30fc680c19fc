-- Agreements.
-- name: add
insert into agreement (
    id, negotiation_id, role, peer, our_id, address, dataset_id, dataset_version,
    dataset_sha256, policy, consumer_pid, provider_pid, offer_token, agreement_token,
    verification_token, withdrawal_token, documents, is_final, signed_at, ends_at, withdrawn_at,
    withdrawn_by, withdrawal_reason, version
) values (
    :id, :negotiation_id, :role, :peer, :our_id, :address, :dataset_id, :dataset_version,
    :dataset_sha256, :policy, :consumer_pid, :provider_pid, :offer_token, :agreement_token,
    :verification_token, :withdrawal_token, :documents, :is_final, :signed_at, :ends_at,
    :withdrawn_at, :withdrawn_by, :withdrawal_reason, :version
);

-- name: get
select * from agreement where id = :key;

-- name: save
-- Compare-and-set: no row is changed if somebody else changed it since it was read.
update agreement set
    peer = :peer, our_id = :our_id, address = :address, dataset_id = :dataset_id,
    dataset_version = :dataset_version, dataset_sha256 = :dataset_sha256, policy = :policy,
    consumer_pid = :consumer_pid, provider_pid = :provider_pid, offer_token = :offer_token,
    agreement_token = :agreement_token, verification_token = :verification_token,
    withdrawal_token = :withdrawal_token, documents = :documents, is_final = :is_final,
    signed_at = :signed_at, ends_at = :ends_at, withdrawn_at = :withdrawn_at, withdrawn_by =
    :withdrawn_by, withdrawal_reason = :withdrawal_reason, version = :version + 1
where id = :id and version = :version;

-- name: everything
select * from agreement order by signed_at, id;

-- name: page
select * from agreement
where (:role is null or role = :role) and (:peer is null or peer = :peer)
order by signed_at desc, id limit :limit offset :offset;

-- name: count_for_dataset
select count(*) from agreement where dataset_id = :dataset_id and role = 'PROVIDER';

-- name: delete
delete from agreement where id = :id and is_final = 0;
