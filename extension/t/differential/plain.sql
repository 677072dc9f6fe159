-- The slow and obvious way: what Tally's answers are compared with.  Nothing in
-- here calls Tally; the rules are those of the manual, written once more, one
-- row and one bucket after the other.
CREATE SCHEMA plain;

-- The first instant at which the clock of a zone shows a time or a later one.
-- Of the offsets around it one gives the time back, unless it was skipped:
-- then the change is looked for by halving.
CREATE FUNCTION plain.instant(shown timestamp, zone text) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
DECLARE
	utc timestamptz;
	best timestamptz;
	low timestamptz;
	high timestamptz;
	middle timestamptz;
BEGIN
	IF shown IS NULL OR NOT isfinite(shown) THEN
		RETURN CASE WHEN shown = 'infinity' THEN 'infinity' WHEN shown = '-infinity' THEN '-infinity' END;
	END IF;
	utc := shown AT TIME ZONE 'UTC';
	SELECT min(utc - clock) INTO best FROM (
		SELECT (utc + h * interval '1 hour') AT TIME ZONE zone - (utc + h * interval '1 hour') AT TIME ZONE 'UTC' AS clock
		FROM unnest('{-27,-12,0,12,27}'::int[]) h) o
	WHERE (utc - clock) AT TIME ZONE zone = shown;
	IF best IS NOT NULL THEN
		RETURN best;
	END IF;
	low := utc - interval '28 hours';
	high := utc + interval '28 hours';
	WHILE high - low > interval '1 microsecond' LOOP
		middle := low + (high - low) / 2;
		IF middle AT TIME ZONE zone >= shown THEN high := middle; ELSE low := middle; END IF;
	END LOOP;
	RETURN high;
END $$;

-- An instant moved on the calendar of a zone; hours are just hours.
CREATE FUNCTION plain.moved(at timestamptz, by interval, zone text) RETURNS timestamptz LANGUAGE sql STABLE AS $$
	SELECT CASE WHEN extract(epoch FROM date_trunc('day', by)) = 0 AND extract(day FROM by) = 0 AND extract(month FROM by) = 0
			AND extract(year FROM by) = 0 THEN at + by
		ELSE plain.instant((at AT TIME ZONE zone) + by, zone) END $$;

-- Bucket after bucket, counted from the origin.
CREATE FUNCTION plain.spine(every interval, lower timestamptz, upper timestamptz, zone text, origin timestamptz, week_start int)
RETURNS TABLE (n int, b timestamptz, e timestamptz, partial bool) LANGUAGE plpgsql STABLE AS $$
DECLARE
	months int := extract(year FROM every) * 12 + extract(month FROM every);
	days int := extract(day FROM every);
	us bigint := extract(epoch FROM every) * 1000000;
	from_local timestamp;
	from_instant timestamptz;
	k bigint;
BEGIN
	n := 0;
	IF months > 0 OR days > 0 THEN
		from_local := coalesce(origin AT TIME ZONE zone, CASE WHEN months > 0 THEN timestamp '2000-01-01'
			WHEN days % 7 = 0 THEN timestamp '2000-01-03' + (week_start - 1) * interval '1 day' ELSE timestamp '2000-01-03' END);
		-- some steps before the range, whatever lengths there are
		k := floor(extract(epoch FROM lower AT TIME ZONE zone - from_local) / (86400 * (30.44 * months + days))) - 3;
	ELSE
		from_instant := coalesce(origin, CASE WHEN 86400000000 % us = 0 THEN plain.instant(date_trunc('day', lower AT TIME ZONE zone), zone)
			ELSE plain.instant('2000-01-03', zone) END);
		k := floor(extract(epoch FROM lower - from_instant) * 1000000 / us) - 2;
	END IF;
	LOOP
		IF from_instant IS NULL THEN
			b := plain.instant(from_local + make_interval(months => months * k::int, days => days * k::int), zone);
			e := plain.instant(from_local + make_interval(months => months * (k + 1)::int, days => days * (k + 1)::int), zone);
		ELSE
			b := from_instant + (k * us) * interval '1 microsecond';
			e := from_instant + ((k + 1) * us) * interval '1 microsecond';
		END IF;
		EXIT WHEN b >= upper;
		k := k + 1;
		CONTINUE WHEN e <= lower OR b = e;
		partial := b < lower OR e > upper;
		RETURN NEXT;
		n := n + 1;
	END LOOP;
END $$;

-- Equal to the last digits of a double, which hang on the order of additions, or
-- within a tolerance that is given.
CREATE FUNCTION plain.near(a float8[], b float8[], tolerance float8[]) RETURNS bool LANGUAGE sql IMMUTABLE AS $$
	SELECT coalesce(bool_and(x IS NOT DISTINCT FROM y OR coalesce(abs(x - y) <= coalesce(t, 0) + 1e-9 * greatest(abs(x), abs(y), 1e-3), false)), true)
	FROM unnest(a, b, tolerance) u(x, y, t) $$;

-- Numbers without the zeros at their ends.
CREATE FUNCTION plain.trimmed(v numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT trim_scale(v)';
CREATE FUNCTION plain.trimmed(v numeric[]) RETURNS numeric[] LANGUAGE sql IMMUTABLE AS $$
	SELECT array_agg(trim_scale(e) ORDER BY n) FROM unnest(v) WITH ORDINALITY u(e, n) $$;
CREATE FUNCTION plain.trimmed(v jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
	SELECT jsonb_agg(trim_scale(e::text::numeric) ORDER BY n) FROM jsonb_array_elements(v) WITH ORDINALITY u(e, n) $$;

-- Runs both queries and says what they differ in.  Each gives for every cell k,
-- which cell it is, o, the order of its bucket, x, what must be equal to the letter, and y, what may differ
-- in the last digits; theirs may have t, by how much each of y may differ.
CREATE FUNCTION plain.verdict(spec int, ours text, theirs text, tolerant bool) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	cells bigint;
	filled bigint;
	wrong bigint;
	example text;
BEGIN
	-- buckets of an hour that a clock skipped all stand at one instant: cells
	-- that look alike are numbered, as their buckets are
	EXECUTE 'WITH ours AS MATERIALIZED (SELECT (k, row_number() OVER (PARTITION BY k ORDER BY o))::text AS k, x::text[], y::float8[] FROM (' || ours || ') q),
	theirs AS MATERIALIZED (SELECT (k, row_number() OVER (PARTITION BY k ORDER BY o))::text AS k, x::text[], y::float8[], '
		|| CASE WHEN tolerant THEN 't' ELSE 'NULL' END || '::float8[] AS t FROM (' || theirs || ') q)
	SELECT count(*), count(*) FILTER (WHERE array_remove(t.x, NULL) <> ''{}'' OR array_remove(t.y, NULL) <> ''{}''),
		count(*) FILTER (WHERE wrong_cell), min(format(''cell %s: tally %s %s, plain %s %s'', coalesce(o.k, t.k), o.x, o.y, t.x, t.y)) FILTER (WHERE wrong_cell)
	FROM ours o FULL JOIN theirs t USING (k),
		LATERAL (SELECT o.k IS NULL OR t.k IS NULL OR o.x IS DISTINCT FROM t.x OR (o.y IS NULL) <> (t.y IS NULL) OR NOT plain.near(o.y, t.y, t.t) AS wrong_cell) w'
	INTO cells, filled, wrong, example;
	RETURN format('%s %s %s %s %s', spec, CASE WHEN wrong = 0 THEN 'same' ELSE 'DIFFERENT' END, cells, filled, left(example, 700));
EXCEPTION WHEN OTHERS THEN
	RETURN format('%s %s %s %s', spec, CASE WHEN SQLERRM ~ '^range is empty on the clock of the axis$|^range of the buckets is empty|^timeframe .* is not understood$|^buckets cannot be moved by |^earlier period is empty$' THEN 'REFUSED' ELSE 'ERROR' END, SQLSTATE, SQLERRM);
END $$;
