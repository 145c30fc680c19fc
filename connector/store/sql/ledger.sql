-- The Merkle log.
-- name: size
select coalesce(max(seq) + 1, 0) from ledger_leaf;

-- name: node
select hash from ledger_node where level = :level and idx = :idx;

-- name: leaf_hash
select hash from ledger_leaf where seq = :seq;

-- name: add_leaf
insert into ledger_leaf (seq, body, hash) values (:seq, :body, :hash);

-- name: add_node
insert into ledger_node (level, idx, hash) values (:level, :idx, :hash);

-- name: bodies
select body from ledger_leaf where seq >= :start and seq < :stop order by seq;

-- name: add_head
insert or ignore into ledger_head (size, root, token) values (:size, :root, :token);

-- name: heads
select token from ledger_head order by size;

-- name: newest_head
select size, token from ledger_head order by size desc limit 1;
