# Goal of this test: whatever the zone, the step, the range and the origin,
# the buckets of a grid are what grid.c says they are.
#
# Draws TALLY_CASES (22000) random grids and three instants for each, from the
# seed TALLY_SEED (the commit's; printed, to run a failure again), and looks
# for a violation of each rule below.  What is right is told by other means
# than the grid's own: by plain comparisons, by AT TIME ZONE, by date_trunc().
#
#
# Measures no times.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;

use lib dirname(abs_path(__FILE__)) . '/../../deploy/t/lib';
use TallySeed qw(seed);
use TallyTest;

my $cases = $ENV{TALLY_CASES} // 22000;
my $seed = seed("$cases calendar cases");

my $tally = TallyTest->new(name => 'calendar');

# The session's zone is one with a clock of its own, which shows any use of it
# where the grid's zone was meant.
$tally->start_postgres(plain => 1, conf => <<'EOC');
timezone = 'America/St_Johns'
work_mem = '64MB'
jit = off
EOC
sql('CREATE EXTENSION tally');

sub sql { return $tally->psql($_[0], db => 'postgres') }

# The cases.  "core" is what AT TIME ZONE calls the zone: it reads offsets with
# the other sign.  Zones like CET and MST are left out, since it takes their
# names for abbreviations, without summer time.
#
# Ranges are up to 60 steps long and lie in five eras: now, before standard
# time, the twentieth century, the far future, and close to changes that few
# zones ever made.
sql(<<"SQL");
SELECT setseed($seed / 1000000.0);

CREATE TABLE zone AS
SELECT row_number() OVER (ORDER BY name) AS id, name, core
FROM (SELECT name, name AS core FROM pg_timezone_names
	  WHERE name !~ '^(posix|right|localtime|Factory)'
		AND upper(name) NOT IN (SELECT abbrev FROM pg_timezone_abbrevs)
	  UNION ALL VALUES ('+05:45', '<+05:45>-05:45'), ('<-11>+11', '<-11>+11'),
		('EST5EDT,M3.2.0,M11.1.0', 'EST5EDT,M3.2.0,M11.1.0')) z;

CREATE TABLE step (id serial, every interval, unit text);
INSERT INTO step (every, unit) VALUES
	('1 day', 'day'), ('1 day', 'day'), ('1 day', 'day'),
	('1 week', 'week'), ('1 week', 'week'), ('1 mon', 'month'),
	('1 mon', 'month'), ('3 mons', 'quarter'), ('1 year', 'year'),
	('2 days', NULL), ('10 days', NULL), ('2 weeks', NULL), ('30 days', NULL),
	('2 mons', NULL), ('5 mons', NULL), ('6 mons', NULL), ('13 mons', NULL),
	('1 hour', NULL), ('15 min', NULL), ('7 min', NULL), ('6 hours', NULL),
	('24 hours', NULL), ('90 min', NULL), ('36 hours', NULL),
	('17.25 s', NULL);

CREATE TABLE draw AS
SELECT i AS id, z.name, z.core AS zone, s.every, s.unit,
	CASE (random() * 9)::int
		WHEN 0 THEN timestamptz '1850-01-01Z' + random() * interval '60 years'
		WHEN 1 THEN timestamptz '1910-01-01Z' + random() * interval '80 years'
		WHEN 2 THEN timestamptz '2040-01-01Z' + random() * interval '3000 years'
		WHEN 3 THEN (ARRAY['2011-12-28Z', '2019-04-06Z', '2018-11-03Z',
			'1844-12-25Z', '1993-08-19Z', '2020-11-01Z', '1867-10-15Z'])
			[1 + (random() * 6)::int]::timestamptz
			+ random() * interval '3 days'
		ELSE timestamptz '1990-01-01Z' + random() * interval '40 years'
	END AS lower,
	s.every * (random() * 60 + 0.0001) AS length,
	CASE WHEN random() < 0.25
		THEN timestamptz '1970-01-01Z' + random() * interval '60 years'
	END AS origin,
	1 + (random() * 6)::int AS week_start
FROM (SELECT i, 1 + (random() * ((SELECT count(*) FROM zone) - 1))::int AS z,
		  1 + (random() * ((SELECT count(*) FROM step) - 1))::int AS s
	  FROM generate_series(1, $cases) i OFFSET 0) d
JOIN zone z ON z.id = d.z JOIN step s ON s.id = d.s;

-- A third of the ranges start or end on a local midnight, or on the first of
-- a month, as most that people ask for do.
UPDATE draw SET lower = date_trunc('day', lower, zone) WHERE id % 6 = 0;
UPDATE draw SET lower = date_trunc('month', lower, zone) WHERE id % 6 = 1;
-- Two rare things that chance alone would seldom find: a day that was skipped,
-- and an instant that the clock shows as yesterday's after midnight has been.
UPDATE draw SET zone = 'Pacific/Apia', name = 'Pacific/Apia',
	every = '1 day', unit = 'day', length = '5 days',
	lower = timestamptz '2011-12-28 10:00Z' + random() * interval '3 days'
WHERE id % 100 = 2;
UPDATE draw SET zone = 'America/St_Johns', name = 'America/St_Johns',
	every = '1 day', unit = 'day', length = '5 days',
	lower = timestamptz '2006-10-29 02:31Z' + random() * interval '59 min'
WHERE id % 100 = 3;
UPDATE draw SET origin = date_trunc('month', origin, zone) - interval '1 day'
WHERE id % 2 = 0;

CREATE TABLE cases AS
SELECT *, every >= interval '1 day' AND extract(hour FROM every) = 0 AS calendar,
	(extract(year FROM every) * 12 + extract(month FROM every))::int AS months,
	extract(day FROM every)::int AS days,
	tally.grid(every, tstzrange(lower, upper), name, origin, week_start) AS g
FROM (SELECT id, name, zone, every, unit, lower,
		  greatest(lower + length, lower + interval '1 microsecond') AS upper,
		  origin, week_start FROM draw) d;

CREATE TABLE spine AS
SELECT c.id, b.* FROM cases c, LATERAL tally.buckets(c.g) b;
CREATE UNIQUE INDEX ON spine (id, bucket);

CREATE TABLE instants AS
SELECT id, lower + random() * (upper - lower) AS t FROM cases,
	generate_series(1, 3);
DELETE FROM instants i USING cases c WHERE c.id = i.id AND t >= c.upper;

ANALYZE;
SQL

is(sql('SELECT count(*) FROM cases'),
	$cases, "$cases grids were made");

# none -- a query that finds violations of a rule finds nothing.
sub none
{
	my ($title, $sql) = @_;
	my $found = sql("SELECT * FROM ($sql) v LIMIT 5");

	is($found, '', $title) or diag("TALLY_SEED=$seed");
	return;
}

none('buckets are numbered, ascending and without a hole', <<'SQL');
SELECT * FROM (
	SELECT *, row_number() OVER w - 1 AS place, lag(bucket_end) OVER w AS before
	FROM spine WINDOW w AS (PARTITION BY id ORDER BY n)) s
WHERE n <> place OR bucket <> before OR bucket >= bucket_end
SQL

none('they cover the range, with no bucket too many at either end', <<'SQL');
SELECT c.id, c.zone, c.every, c.lower, c.upper FROM cases c
JOIN (SELECT id, min(bucket) AS first, min(bucket_end) AS first_end,
		  max(bucket) AS last, max(bucket_end) AS last_end
	  FROM spine GROUP BY id) s USING (id)
WHERE NOT (first <= c.lower AND first_end > c.lower
	AND last < c.upper AND last_end >= c.upper)
SQL

none('partial says which reach outside', <<'SQL');
SELECT s.* FROM spine s JOIN cases c USING (id)
WHERE partial <> (bucket < c.lower OR bucket_end > c.upper)
SQL

none('an instant is in the last bucket that starts at or before it', <<'SQL');
SELECT i.id, i.t, tally.bucket(c.g, i.t) FROM instants i JOIN cases c USING (id)
WHERE tally.bucket(c.g, i.t) IS DISTINCT FROM
	(SELECT max(bucket) FROM spine s WHERE s.id = i.id AND s.bucket <= i.t)
SQL

none('a boundary is in its own bucket, the microsecond before it is not', <<'SQL');
SELECT s.id, s.n FROM spine s JOIN cases c USING (id)
WHERE s.bucket > c.lower AND (tally.bucket(c.g, s.bucket) <> s.bucket
	OR tally.bucket(c.g, s.bucket - interval '1 microsecond') IS DISTINCT FROM
		(SELECT bucket FROM spine p WHERE p.id = s.id AND p.n = s.n - 1))
SQL

none('what is outside of the range is in no bucket', <<'SQL');
SELECT id, lower, upper FROM cases c
WHERE tally.bucket(g, upper) IS NOT NULL
	OR tally.bucket(g, lower - interval '1 microsecond') IS NOT NULL
	OR tally.bucket(g, 'infinity') IS NOT NULL
	OR tally.bucket(g, lower) IS NULL
	OR g OPERATOR(tally.@>) upper OR NOT g OPERATOR(tally.@>) lower
	OR tally.lower(g) <> lower OR tally.upper(g) <> upper
SQL

none('time steps are equally long', <<'SQL');
SELECT s.id, s.n FROM spine s JOIN cases c USING (id)
WHERE NOT c.calendar AND s.bucket_end - s.bucket <> c.every
SQL

none('time steps that divide a day count from local midnight', <<'SQL');
SELECT c.id, c.zone, c.every, c.lower, s.bucket
FROM cases c JOIN spine s ON s.id = c.id AND s.n = 0
WHERE NOT c.calendar AND c.origin IS NULL
	AND extract(epoch FROM interval '24 hours')::numeric
		% extract(epoch FROM c.every)::numeric = 0
	AND (c.lower - interval '26 hours') AT TIME ZONE c.zone + interval '52 hours'
		= (c.lower + interval '26 hours') AT TIME ZONE c.zone
	AND extract(epoch FROM s.bucket AT TIME ZONE c.zone)::numeric
		% extract(epoch FROM c.every)::numeric <> 0
SQL

none('other time steps, and given origins, count from the origin', <<'SQL');
SELECT c.id, c.zone, c.every, c.origin, s.bucket
FROM cases c JOIN spine s ON s.id = c.id AND s.n = 0
WHERE NOT c.calendar
	AND (c.origin IS NOT NULL OR extract(epoch FROM interval '24 hours')::numeric
		% extract(epoch FROM c.every)::numeric <> 0)
	AND (extract(epoch FROM s.bucket) - extract(epoch FROM
			coalesce(c.origin, timestamp '2000-01-03' AT TIME ZONE c.zone)))
		% extract(epoch FROM c.every)::numeric <> 0
SQL

# What the local clock should show at each calendar boundary: the last of
# "origin + k steps", in plain dates, that is not after what it does show.
sql(<<'SQL');
CREATE TABLE clock AS
WITH boundary AS (
	SELECT c.*, s.n, s.bucket, s.bucket AT TIME ZONE c.zone AS shown,
		coalesce(c.origin AT TIME ZONE c.zone, CASE
			WHEN months > 0 THEN timestamp '2000-01-01'
			WHEN days % 7 = 0 THEN timestamp '2000-01-03'
				+ (week_start - 1) * interval '1 day'
			ELSE timestamp '2000-01-03' END) AS local_origin
	FROM cases c JOIN spine s USING (id) WHERE calendar),
steps AS (
	SELECT *, CASE WHEN months > 0
		THEN floor(((extract(year FROM shown) - extract(year FROM local_origin))
			* 12 + extract(month FROM shown) - extract(month FROM local_origin))
			/ months)
		ELSE floor((shown::date - local_origin::date) / days::numeric)
		END AS k
	FROM boundary)
SELECT id, n, zone, every, bucket, shown, local_origin,
	CASE WHEN local_origin + k * every <= shown THEN local_origin + k * every
		ELSE local_origin + (k - 1) * every END AS wanted
FROM steps;

CREATE TABLE odd AS
SELECT * FROM clock WHERE shown <> wanted;
SQL

none('the clock shows the wanted time at a boundary, or skipped it there', <<'SQL');
SELECT o.*, (bucket - interval '1 microsecond') AT TIME ZONE zone AS before
FROM odd o
WHERE NOT ((bucket - interval '1 microsecond') AT TIME ZONE zone < wanted
	AND shown > wanted)
SQL

cmp_ok(sql('SELECT count(*) FROM odd'),
	'>', 20, 'times that were skipped are among the cases');

none('it is the first instant at which the clock shows it', <<'SQL');
SELECT c.*, i FROM clock c, generate_series(1, 104) i
WHERE (bucket - interval '26 hours') AT TIME ZONE zone + interval '52 hours'
		<> (bucket + interval '26 hours') AT TIME ZONE zone
	AND (bucket - i * interval '15 min') AT TIME ZONE zone >= wanted
SQL

# date_trunc() reads a repeated time as standard time and groups by what the
# clock shows, so it may differ where the clock changed within a day of the
# instant or of either start.  Elsewhere it must agree.
sql(<<'SQL');
CREATE FUNCTION calm(t timestamptz, zone text) RETURNS bool LANGUAGE sql STABLE
RETURN (t - interval '26 hours') AT TIME ZONE zone + interval '52 hours'
	= (t + interval '26 hours') AT TIME ZONE zone;

CREATE TABLE truncated AS
SELECT i.id, i.t, c.zone, c.every, tally.bucket(c.g, i.t) AS ours,
	date_trunc(c.unit, i.t, c.zone) AS cores
FROM instants i JOIN cases c USING (id)
WHERE c.unit IS NOT NULL AND c.origin IS NULL
	AND (c.unit <> 'week' OR c.week_start = 1);
SQL

none('date_trunc() agrees where the clock did not change', <<'SQL');
SELECT * FROM truncated WHERE ours <> cores
	AND calm(t, zone) AND calm(ours, zone) AND calm(cores, zone)
SQL

cmp_ok(sql(<<'SQL'), '>', 0.9, 'which is nearly everywhere');
SELECT avg((calm(t, zone) AND calm(ours, zone) AND calm(cores, zone))::int)
FROM truncated
SQL

none('text makes the same grid again', <<'SQL');
SELECT id, g FROM cases WHERE g::text::tally.grid OPERATOR(tally.<>) g
	OR g::text::tally.grid::text <> g::text
SQL

# Binary: out to a file and back in.
my $file = $tally->dir . '/grids';
sql(<<"SQL");
COPY (SELECT id, g FROM cases) TO '$file' (FORMAT binary);
CREATE TABLE copied (id int, g tally.grid);
COPY copied FROM '$file' (FORMAT binary);
SQL
none('so does the binary form', <<'SQL');
SELECT id FROM cases FULL JOIN copied c USING (id)
WHERE coalesce(cases.g OPERATOR(tally.<>) c.g, true)
SQL

done_testing();
