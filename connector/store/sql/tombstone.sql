-- Versions that stood in the catalog and stand there no more.
-- name: add
insert or replace into tombstone (
    asset_id, version, access, ended_at
) values (
    :asset_id, :version, :access, :ended_at
);

-- name: of_version
select * from tombstone where asset_id = :asset_id and version = :version;

-- name: newest
select * from tombstone where asset_id = :asset_id order by version desc limit 1;

-- name: before
select coalesce(max(version), 0) from tombstone where asset_id = :asset_id and version < :version;

-- name: delete
delete from tombstone where asset_id = :asset_id and version = :version;
