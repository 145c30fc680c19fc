-- Search over the catalog. oldest code: 1
-- Older code may go on: what it changes in the catalog is noted as stale by the triggers, is no longer
-- found, and is indexed anew by the next code that knows how.

-- What is in the index: where a dataset's bits are set, and what a result shows of it.
create table search_dataset (
    seq integer primary key,
    asset_id text not null,
    row_count integer,
    interval_us integer,
    facts text not null,
    card text not null
);
create index search_dataset_rows on search_dataset (row_count, seq) where row_count is not null;
create index search_dataset_interval on search_dataset (interval_us, seq) where interval_us is not null;

-- Concepts, Hangul bigrams and words, made by the code; ASCII is all that the tokenizer has to know.
create virtual table search_text using fts5 (words, tokenize = 'ascii');

-- For each value of each facet, which datasets have it: bit (seq % 16384) of chunk (seq / 16384).
create table search_bits (
    facet text not null,
    value text not null,
    chunk integer not null,
    bits blob not null,
    primary key (facet, value, chunk)
);

create table search_stale (seq integer primary key);

create trigger catalog_dataset_added after insert on catalog_dataset begin
    insert or ignore into search_stale (seq) values (new.seq);
end;
create trigger catalog_dataset_changed after update on catalog_dataset begin
    insert or ignore into search_stale (seq) values (new.seq);
end;
create trigger catalog_dataset_dropped after delete on catalog_dataset begin
    insert or ignore into search_stale (seq) values (old.seq);
end;

insert into search_stale (seq) select seq from catalog_dataset;
