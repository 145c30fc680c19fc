-- Contract definitions.
-- name: add
insert or replace into contract_definition (
    id, access_policy_id, contract_policy_id, selector, private_properties, approval, created_at
) values (
    :id, :access_policy_id, :contract_policy_id, :selector, :private_properties, :approval,
    :created_at
);

-- name: get
select * from contract_definition where id = :key;

-- name: delete
delete from contract_definition where id = :id;

-- name: everything
select * from contract_definition order by created_at, id;

-- name: using_policy
select count(*) from contract_definition where access_policy_id = :id or contract_policy_id = :id;
