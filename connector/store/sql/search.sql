-- The search index: rows, full text, bits of facets, and what is yet to be indexed.
-- name: stale
-- What to index next: the dataset that stands there now (null: none), and what the index holds of it.
select s.seq, d.asset_id, i.facts from search_stale s
left join catalog_dataset d on d.seq = s.seq
left join search_dataset i on i.seq = s.seq
order by s.seq limit :limit;

-- name: stale_count
select count(*) from search_stale;

-- name: stale_seqs
-- A set comes as one text: a hundred thousand rows would each cost a change of threads.
select group_concat(seq) from search_stale;

-- name: all_stale
insert or ignore into search_stale (seq)
select seq from catalog_dataset union select seq from search_dataset;

-- name: settled
delete from search_stale where seq = :seq;

-- name: access_of
select distinct access_digest from catalog_offer where asset_id = :asset_id and is_current = 1;

-- name: put
insert into search_dataset (seq, asset_id, row_count, interval_us, facts, card)
values (:seq, :asset_id, :row_count, :interval_us, :facts, :card);

-- name: put_text
insert into search_text (rowid, words) values (:seq, :words);

-- name: drop
delete from search_dataset where seq = :seq;

-- name: drop_text
delete from search_text where rowid = :seq;

-- name: chunk
select bits from search_bits where facet = :facet and value = :value and chunk = :chunk;

-- name: put_chunk
insert or replace into search_bits (facet, value, chunk, bits) values (:facet, :value, :chunk, :bits);

-- name: drop_chunk
delete from search_bits where facet = :facet and value = :value and chunk = :chunk;

-- name: bits
select value, chunk, bits from search_bits where facet = :facet order by value, chunk;

-- name: bits_of
select value, chunk, bits from search_bits
where facet = :facet and value in (select value from json_each(:values)) order by value, chunk;

-- name: text
select group_concat(rowid) from search_text where search_text match :match;

-- name: rows_within
select group_concat(seq) from search_dataset where row_count between :least and :most;

-- name: interval_within
select group_concat(seq) from search_dataset where interval_us between :least and :most;

-- name: cards
select seq, card from search_dataset where seq in (select value from json_each(:seqs));

-- name: rows_of
select seq, row_count from search_dataset where seq in (select value from json_each(:seqs));

-- name: by_rows
-- The next in order of rows, most of them first, below a place.
select seq, row_count from search_dataset
where row_count is not null and (row_count, seq) < (:row_count, :seq)
order by row_count desc, seq desc limit :limit;
