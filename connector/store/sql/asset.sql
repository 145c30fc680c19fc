-- Assets, by version.
-- name: add
insert into asset (
    id, version, properties, private_properties, source, description, sha256, size, is_current,
    created_at
) values (
    :id, :version, :properties, :private_properties, :source, :description, :sha256, :size,
    :is_current, :created_at
);

-- name: get
select * from asset where id = :id and version = :version;

-- name: current
select * from asset where id = :id and is_current = 1;

-- name: newest_version
select coalesce(max(version), 0) from asset where id = :id;

-- name: retire
update asset set is_current = 0 where id = :id;

-- name: set_current
update asset set is_current = (version = :version) where id = :id;

-- name: replace
update asset set properties = :properties, private_properties = :private_properties, source = :source,
    description = :description, sha256 = :sha256, size = :size
where id = :id and version = :version;

-- name: delete
delete from asset where id = :id;

-- name: all_current
select * from asset where is_current = 1 order by created_at, id;
