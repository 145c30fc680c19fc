-- The first schema. oldest code: 1
create table negotiation (
    id text primary key,
    role text not null,
    peer text not null,
    peer_pid text not null,
    address text not null,
    our_id text not null,
    state text,
    pending text,
    dataset_id text not null,
    offer text not null,
    offer_token text not null,
    approval text not null,
    agreement_id text not null,
    reason text not null,
    reason_by text,
    created_at text not null,
    updated_at text not null,
    expires_at text not null,
    version integer not null
) without rowid;
create index negotiation_peer on negotiation (peer, peer_pid);
create index negotiation_created on negotiation (created_at);
create index negotiation_waiting on negotiation (approval) where approval = 'waiting';
create index negotiation_open on negotiation (peer) where state is null or state not in ('FINALIZED', 'TERMINATED');

create table transfer (
    id text primary key,
    role text not null,
    peer text not null,
    peer_pid text not null,
    address text not null,
    our_id text not null,
    state text,
    pending text,
    agreement_id text not null,
    dataset_id text not null,
    format text not null,
    data_address text not null,
    purpose text not null,
    declaration text not null,
    wants_refresh integer not null,
    suspended_by text,
    reason text not null,
    reason_by text,
    created_at text not null,
    updated_at text not null,
    expires_at text not null,
    version integer not null
) without rowid;
create index transfer_peer on transfer (peer, peer_pid);
create index transfer_created on transfer (created_at);
create index transfer_agreement on transfer (agreement_id);

create table agreement (
    id text primary key,
    negotiation_id text not null,
    role text not null,
    peer text not null,
    our_id text not null,
    address text not null,
    dataset_id text not null,
    dataset_version integer not null,
    dataset_sha256 text not null,
    policy text not null,
    consumer_pid text not null,
    provider_pid text not null,
    offer_token text not null,
    agreement_token text not null,
    verification_token text not null,
    withdrawal_token text not null,
    documents text not null,
    is_final integer not null,
    signed_at text not null,
    ends_at text,
    withdrawn_at text,
    withdrawn_by text not null,
    withdrawal_reason text not null,
    version integer not null
) without rowid;
create index agreement_signed on agreement (signed_at);
create index agreement_dataset on agreement (dataset_id);

create table asset (
    id text not null,
    version integer not null,
    properties text not null,
    private_properties text not null,
    source text not null,
    description text not null,
    sha256 text not null,
    size integer not null,
    is_current integer not null,
    created_at text not null,
    primary key (id, version)
) without rowid;

create table policy_definition (
    id text primary key,
    policy text not null,
    private_properties text not null,
    created_at text not null
) without rowid;

create table contract_definition (
    id text primary key,
    access_policy_id text not null,
    contract_policy_id text not null,
    selector text not null,
    private_properties text not null,
    approval text not null,
    created_at text not null
) without rowid;

-- What stands in the catalog now, made from the three tables above whenever they change.
create table catalog_dataset (
    seq integer primary key autoincrement,
    asset_id text not null unique,
    version integer not null,
    head text not null
);

create table catalog_offer (
    id text not null,
    asset_id text not null,
    asset_version integer not null,
    definition_id text not null,
    access_digest text not null,
    access_policy text not null,
    policy text not null,
    policy_digest text not null,
    approval text not null,
    token text not null,
    token_expires_at text not null,
    rendered text not null,
    is_current integer not null,
    primary key (id, definition_id)
) without rowid;
create index catalog_offer_asset on catalog_offer (asset_id, access_digest) where is_current = 1;
create index catalog_offer_access on catalog_offer (access_digest) where is_current = 1;

create table outbox (
    seq integer primary key,
    id text not null unique,
    kind text not null,
    process_id text not null,
    peer text not null,
    our_id text not null,
    url text not null,
    body text not null,
    leads_to text not null,
    created_at text not null,
    not_before text not null,
    give_up_at text not null,
    attempts integer not null,
    last_error text not null
);
create index outbox_process on outbox (process_id);

create table inbox (
    peer text not null,
    message_id text not null,
    process_id text not null,
    body_digest text not null,
    content_digest text not null,
    act text not null,
    led_to text not null,
    status integer not null,
    answer text not null,
    received_at text not null,
    primary key (peer, message_id)
) without rowid;
create index inbox_content on inbox (process_id, content_digest);

create table timer (
    kind text not null,
    ref text not null,
    due_at text not null,
    primary key (kind, ref)
) without rowid;
create index timer_due on timer (due_at);

create table replay (
    issuer text not null,
    jti text not null,
    expires_at text not null,
    primary key (issuer, jti)
) without rowid;

create table access_token (
    digest text primary key,
    transfer_id text not null,
    refresh_digest text not null,
    issued_at text not null,
    expires_at text,
    is_used integer not null
) without rowid;
create index access_token_transfer on access_token (transfer_id);
create index access_token_refresh on access_token (refresh_digest) where refresh_digest <> '';

create table use (
    transfer_id text not null,
    number integer not null,
    agreement_id text not null,
    etag text not null,
    size integer not null,
    coverage text not null,
    bytes_sent integer not null,
    is_complete integer not null,
    started_at text not null,
    updated_at text not null,
    primary key (transfer_id, number)
) without rowid;
create index use_agreement on use (agreement_id);

-- A refused stranger costs one counter, not a row each.
create table refusal (
    peer text not null,
    code text not null,
    day text not null,
    count integer not null,
    primary key (peer, code, day)
) without rowid;

create table ledger_leaf (
    seq integer primary key,
    body blob not null,
    hash blob not null
);
create table ledger_node (
    level integer not null,
    idx integer not null,
    hash blob not null,
    primary key (level, idx)
) without rowid;
create table ledger_head (
    size integer primary key,
    root text not null,
    token text not null
);

create table meta (
    key text primary key,
    value text not null
) without rowid;
