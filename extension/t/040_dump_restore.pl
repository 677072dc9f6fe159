# Goal of this test: pg_dump takes everything, and a new database gives it back:
# tables that hold grids, series and panels, whatever types are in them, and
# the event store; DROP EXTENSION takes no event; a standby answers.
#
# Measures no times.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;

use lib dirname(abs_path(__FILE__)) . '/../../deploy/t/lib';
use TallyTest;

my $tally = TallyTest->new(name => 'dump');
$tally->start_postgres;
my $run = $tally->dir . '/run';
my @to = ('-h', $run, '-p', 5432, '-U', 'postgres');

sub sql { return $tally->psql(@_) }

# dump(db) -- all of it as SQL, but for the random word of newer pg_dumps.
sub dump_of
{
	my ($db) = @_;
	$tally->run_as_user($tally->pg('pg_dump'), @to, '-f', "$run/$db.sql", $db);
	open my $fh, '<', "$run/$db.sql" or die "$run/$db.sql: $!\n";
	return join '', grep { !/^\\(un)?restrict / } <$fh>;
}

my $p = $tally->create_project;
sql(<<"SQL");
INSERT INTO tally_store.collection (project_id, name) SELECT project_id, 'c' FROM tally_store.project;
INSERT INTO tally_store.event (collection_id, at, received_at, properties)
SELECT c.collection_id, '2025-03-01Z', now(), '{"a": 1}' FROM tally_store.collection c, generate_series(1, 100);

CREATE SCHEMA app;
CREATE DOMAIN app.level AS int CHECK (VALUE >= 0);
CREATE TYPE app.mood AS ENUM ('sad', 'well');
CREATE TYPE app.pair AS (a int, b text);
CREATE TABLE app.ev AS
SELECT '2025-03-01Z'::timestamptz + i * interval '7 min' AS at, (i % 13)::numeric / 3 AS v, chr(97 + i % 7) AS t,
	(ARRAY['sad', 'well'])[1 + i % 2]::app.mood AS m, ROW(i % 2, 'x"')::app.pair AS p, (i % 3)::app.level AS l
FROM generate_series(0, 999) i;
CREATE FUNCTION app.panel_row(tally.panel, tally.grid, text, "any", VARIADIC "any") RETURNS tally.panel
	LANGUAGE C AS '\$libdir/tally', 'tally_collect';
CREATE AGGREGATE app.panel(tally.grid, text, "any", VARIADIC "any") (SFUNC = app.panel_row, STYPE = tally.panel);
CREATE TABLE app.vals AS
SELECT g, tally.sum(g, at, v) AS s, tally.count(g, at) AS c,
	app.panel(g, '*sl', at, v, t, m, p, l, ARRAY[length(t)], t COLLATE "C") AS pn
FROM app.ev, unnest(ARRAY[tally.grid('1 day', daterange('2025-03-01', '2025-04-01'), 'Europe/Berlin'),
	tally.grid('1 mon', daterange('2025-01-31', '2025-04-01'), 'UTC', '2025-01-31Z')]) g
GROUP BY g;
CREATE TABLE app.states AS
SELECT unnest(ARRAY[tally.first(g, at, t), tally.last(g, at, v), tally.variance(g, at, v), tally.stddev(g, at, v::float8), tally.stats(g, at, v),
	tally.median(g, at, v), tally.percentiles(g, at, v, 20), tally.distinct(g, at, v), tally.distinct(g, at, t, 12),
	tally.values(g, at, t)]) AS s
FROM app.ev, tally.grid('2 days', daterange('2025-03-01', '2025-04-01'), 'UTC') g;
CREATE INDEX ON app.vals (g);
CREATE VIEW app.daily AS
SELECT * FROM tally.series('app.ev', 'at', '1 day', '[2025-03-01,2025-03-05)') AS x(b timestamptz, n bigint);
CREATE MATERIALIZED VIEW app.kept AS TABLE app.daily;
CREATE TABLE app.odd (g tally.grid DEFAULT tally.grid('1 day', daterange('2025-03-01', '2025-04-01'), 'UTC') UNIQUE);
INSERT INTO app.odd DEFAULT VALUES;
SQL

my $query = "SELECT tally.query('$p->{project}', 'count', '{\"event_collection\": \"c\","
	. ' "timeframe": {"start": "2025-03-01T00:00:00Z", "end": "2025-03-02T00:00:00Z"}}' . "')";
my $answer = sql($query);
is($answer, '{"result":100}', 'events are there');

my $before = dump_of('tally');
sql('CREATE DATABASE again', db => 'postgres');
$tally->run_as_user($tally->pg('psql'), '-X', '-q', '-v', 'ON_ERROR_STOP=1', @to, '-o', '/dev/null', '-d', 'again', '-f', "$run/tally.sql");
# Who owns an extension's functions is not in a dump.
like(($tally->psql_try($query, db => 'again'))[2], qr/belongs to role "tally_owner".*roles\.sql/s,
	'without its roles the store is refused, and the hint says what to do');
$tally->psql_file("$TallyTest::ROOT/deploy/roles.sql", db => 'again');
ok(dump_of('again') eq $before, 'a database restored from a dump gives the same dump');
is(sql($query, db => 'again'), $answer, 'and the same answer');
my $total = 'SELECT sum(r.n), sum(r.value) FROM app.vals, LATERAL tally.rows(s) r';
is(sql($total, db => 'again'), sql($total), 'its series have the same rows');
my $states = "SELECT string_agg(tally.json(s)::text, ' ' ORDER BY tally.json(s)::text) FROM app.states";
is(sql($states, db => 'again'), sql($states), 'of every measure');
is(sql('REFRESH MATERIALIZED VIEW app.kept; SELECT count(*), sum(n) FROM app.kept', db => 'again'),
	'4|823', 'its views work');

sql('DROP EXTENSION tally CASCADE', db => 'again');
is(sql('SELECT count(*) FROM tally_store.event', db => 'again'), 100, 'DROP EXTENSION loses no event');
sql('CREATE EXTENSION tally', db => 'again');
$tally->psql_file("$TallyTest::ROOT/deploy/roles.sql", db => 'again');
is(sql($query, db => 'again'), $answer, 'and a new one finds them');

# A standby reads only: whatever answers has to do so there.
my $standby = TallyTest->new(name => 'standby');
$standby->run_as_user($tally->pg('pg_basebackup'), @to, '-D', $standby->dir . '/pgdata', '-R', '-c', 'fast', '--no-sync');
open my $fh, '>>', $standby->dir . '/pgdata/postgresql.conf' or die $!;
print $fh "unix_socket_directories = '", $standby->dir, "/run'\n";
close $fh;
$standby->start_postgres(plain => 1);
is($standby->psql('SELECT pg_is_in_recovery()'), 't', 'a standby');
is($standby->psql($query), $answer, 'answers a query');
is($standby->psql('SELECT count(*) FROM tally.key_snapshot()'), 3, 'knows the keys');
is($standby->psql('SELECT count(*), sum(n) FROM app.daily'), '4|823', 'and computes a series');

done_testing();
