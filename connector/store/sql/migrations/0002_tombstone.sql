-- What stood in the catalog and stands there no more. oldest code: 1
create table tombstone (
    asset_id text not null,
    version integer not null,
    access text not null,
    ended_at text not null,
    primary key (asset_id, version)
) without rowid;
