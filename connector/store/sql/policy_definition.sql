-- Policy definitions.
-- name: add
insert or replace into policy_definition (
    id, policy, private_properties, created_at
) values (
    :id, :policy, :private_properties, :created_at
);

-- name: get
select * from policy_definition where id = :key;

-- name: delete
delete from policy_definition where id = :id;

-- name: everything
select * from policy_definition order by created_at, id;
