-- Small facts about the store itself.
-- name: get
select value from meta where key = :key;

-- name: put
insert into meta (key, value) values (:key, :value) on conflict (key) do update set value = :value;
