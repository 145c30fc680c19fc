-- The catalog as it stands: datasets with a rendered head, offers with a rendered body.
-- name: add
insert or replace into catalog_offer (
    id, asset_id, asset_version, definition_id, access_digest, access_policy, policy,
    policy_digest, approval, token, token_expires_at, rendered, is_current
) values (
    :id, :asset_id, :asset_version, :definition_id, :access_digest, :access_policy, :policy,
    :policy_digest, :approval, :token, :token_expires_at, :rendered, :is_current
);

-- name: get
select * from catalog_offer where id = :id order by is_current desc;

-- name: of_asset
select * from catalog_offer where asset_id = :asset_id;

-- name: current_of_asset
select * from catalog_offer where asset_id = :asset_id and is_current = 1 order by id, definition_id;

-- name: retire_asset
update catalog_offer set is_current = 0 where asset_id = :asset_id;

-- name: retire_all
update catalog_offer set is_current = 0 where is_current = 1;

-- name: access_policies
-- Jumps from one digest to the next in the index: a few look-ups, however many offers there are.
with recursive found (digest) as (
    select min(access_digest) from catalog_offer where is_current = 1
    union all
    select (select min(o.access_digest) from catalog_offer o where o.is_current = 1 and o.access_digest > found.digest)
    from found where found.digest is not null
)
select digest, (
    select o.access_policy from catalog_offer o where o.is_current = 1 and o.access_digest = digest limit 1
) from found where digest is not null;

-- name: put_dataset
insert into catalog_dataset (asset_id, version, head) values (:asset_id, :version, :head)
on conflict (asset_id) do update set version = :version, head = :head;

-- name: drop_dataset
delete from catalog_dataset where asset_id = :asset_id;

-- name: drop_all_datasets
delete from catalog_dataset;

-- name: after
-- One page forward: the datasets that have an offer under one of the access policies in :digests (a JSON array).
select d.seq, d.asset_id, d.head from catalog_dataset d
where d.seq > :after and exists (
    select 1 from catalog_offer o
    where o.asset_id = d.asset_id and o.is_current = 1
      and o.access_digest in (select value from json_each(:digests)))
order by d.seq limit :limit offset :offset;

-- name: before
-- One page back, newest of them first.
select d.seq, d.asset_id, d.head from catalog_dataset d
where d.seq < :before and exists (
    select 1 from catalog_offer o
    where o.asset_id = d.asset_id and o.is_current = 1
      and o.access_digest in (select value from json_each(:digests)))
order by d.seq desc limit :limit;

-- name: dataset
select d.seq, d.asset_id, d.head from catalog_dataset d where d.asset_id = :asset_id;

-- name: offers_of
-- By dataset: nearly all offers may share one access policy, so its index would read the whole catalog.
select o.id, o.asset_id, o.rendered, o.token_expires_at
from json_each(:assets) a cross join catalog_offer o
where o.is_current = 1 and o.asset_id = a.value
  and o.access_digest in (select value from json_each(:digests))
group by o.id order by a.key, o.id;

-- name: dataset_count
select count(*) from catalog_dataset;
