-- Messages that were accepted, and how they were answered.
-- name: add
insert into inbox (
    peer, message_id, process_id, body_digest, content_digest, act, led_to, status, answer,
    received_at
) values (
    :peer, :message_id, :process_id, :body_digest, :content_digest, :act, :led_to, :status,
    :answer, :received_at
);

-- name: get
select * from inbox where peer = :peer and message_id = :message_id;

-- name: by_content
select * from inbox where process_id = :process_id and content_digest = :content_digest order by received_at desc;
