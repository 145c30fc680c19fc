-- Token ids that were used: a token is good once.
-- name: add
insert or ignore into replay (issuer, jti, expires_at) values (:issuer, :jti, :expires_at);

-- name: forget
delete from replay where expires_at < :now;

-- name: everything
select issuer, jti, expires_at from replay;
