-- What falls due, and when.
-- name: set
insert into timer (kind, ref, due_at) values (:kind, :ref, :due_at)
on conflict (kind, ref) do update set due_at = :due_at;

-- name: clear
delete from timer where kind = :kind and ref = :ref;

-- name: due
select kind, ref, due_at from timer where due_at <= :now order by due_at limit 500;

-- name: next
select min(due_at) from timer;
