-- One counter per peer, code and day.
-- name: count
insert into refusal (peer, code, day, count) values (:peer, :code, :day, 1)
on conflict (peer, code, day) do update set count = count + 1;

-- name: everything
select peer, code, day, count from refusal order by day desc, count desc limit 500;

-- name: totals
select code, sum(count) as n from refusal group by code order by code;
