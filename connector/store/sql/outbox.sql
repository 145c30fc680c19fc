-- Messages on their way.
-- name: add
insert into outbox (
    id, kind, process_id, peer, our_id, url, body, leads_to, created_at, not_before, give_up_at,
    attempts, last_error
) values (
    :id, :kind, :process_id, :peer, :our_id, :url, :body, :leads_to, :created_at, :not_before,
    :give_up_at, :attempts, :last_error
);

-- name: get
select id, kind, process_id, peer, our_id, url, body, leads_to, created_at, not_before, give_up_at, attempts, last_error from outbox where id = :key;

-- name: everything
select id, kind, process_id, peer, our_id, url, body, leads_to, created_at, not_before, give_up_at, attempts, last_error from outbox order by seq;

-- name: of_process
select id, kind, process_id, peer, our_id, url, body, leads_to, created_at, not_before, give_up_at, attempts, last_error from outbox where process_id = :process_id order by seq;

-- name: postpone
update outbox set attempts = attempts + 1, not_before = :not_before, last_error = :last_error where id = :id;

-- name: delete
delete from outbox where id = :id;

-- name: delete_of_process
delete from outbox where process_id = :process_id;

-- name: size
select count(*) from outbox;
