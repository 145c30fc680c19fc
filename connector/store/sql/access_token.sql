-- Pull tokens, known by their digests only.
-- name: add
insert into access_token (
    digest, transfer_id, refresh_digest, issued_at, expires_at, is_used
) values (
    :digest, :transfer_id, :refresh_digest, :issued_at, :expires_at, :is_used
);

-- name: get
select * from access_token where digest = :key;

-- name: by_refresh
select * from access_token where refresh_digest = :refresh_digest;

-- name: newest_of_transfer
select * from access_token where transfer_id = :transfer_id order by issued_at desc limit 1;

-- name: mark_used
update access_token set is_used = 1 where digest = :digest;

-- name: delete_older
delete from access_token where transfer_id = :transfer_id and digest <> :digest and issued_at <= :issued_at;

-- name: delete_of_transfer
delete from access_token where transfer_id = :transfer_id;
