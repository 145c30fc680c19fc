-- Uses of agreements [count].
-- name: add
insert or replace into use (
    transfer_id, number, agreement_id, etag, size, coverage, bytes_sent, is_complete,
    started_at, updated_at
) values (
    :transfer_id, :number, :agreement_id, :etag, :size, :coverage, :bytes_sent, :is_complete,
    :started_at, :updated_at
);

-- name: newest_of_transfer
select * from use where transfer_id = :transfer_id order by number desc limit 1;

-- name: count_of_agreement
select count(*) from use where agreement_id = :agreement_id;

-- name: totals_of_agreement
select count(*) as uses, coalesce(sum(bytes_sent), 0) as bytes_sent, max(updated_at) as last_at
from use where agreement_id = :agreement_id;

-- name: totals
select count(*) as uses, coalesce(sum(bytes_sent), 0) as bytes_sent from use;
