# Goal of this test: of a foreign table, and of a partitioned one with a foreign
# part, every form of a series says what it says of the local table; and only
# the rows of the range are fetched: the condition is part of the remote query.
#
# postgres_fdw, which is part of PostgreSQL, over a connection to the same server.
#
# Measures no times.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;

use lib dirname(abs_path(__FILE__)) . '/../../deploy/t/lib';
use TallyTest;

my $tally = TallyTest->new(name => 'foreign');
$tally->start_postgres(plain => 1, conf => "jit = off\n");
my $dir = $tally->dir;
sub sql { return $tally->psql("SET timezone = 'America/New_York';\n$_[0]", db => 'postgres') }

sql(<<"SQL");
CREATE EXTENSION tally;
CREATE EXTENSION postgres_fdw;
CREATE SCHEMA home;
CREATE TABLE home.ev AS
SELECT timestamptz '2025-01-01Z' + i * interval '13 min' AS at, timestamp '2025-01-01' + i * interval '13 min' AS ts, date '2025-01-01' + i / 100 AS day,
	i AS id, nullif(i % 7, 0) AS k, 'c' || i % 3 AS "Country", i / 8.0 AS v, jsonb_build_object('ms', i % 100, 'page', 'p' || i % 4) AS props
FROM generate_series(0, 9999) i;
INSERT INTO home.ev (id) VALUES (-1);
CREATE TABLE home.early AS SELECT * FROM home.ev WHERE at < '2025-02-01Z';
CREATE SERVER loopback FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$dir/run', port '5432', dbname 'postgres', use_remote_estimate 'true');
CREATE USER MAPPING FOR CURRENT_USER SERVER loopback OPTIONS (user 'postgres');
CREATE SCHEMA away;
IMPORT FOREIGN SCHEMA home FROM SERVER loopback INTO away;
CREATE TABLE parts (LIKE home.ev) PARTITION BY RANGE (at);
CREATE TABLE parts_late PARTITION OF parts FOR VALUES FROM ('2025-02-01Z') TO ('2026-01-01Z');
CREATE TABLE parts_none PARTITION OF parts DEFAULT;
ALTER TABLE parts ATTACH PARTITION away.early FOR VALUES FROM (MINVALUE) TO ('2025-02-01Z');
INSERT INTO parts SELECT * FROM home.ev WHERE at >= '2025-02-01Z' OR at IS NULL;
ANALYZE;
SQL

my $range = q{'1 day', daterange '[2025-01-20,2025-02-10)'};
my $grid = "tally.grid($range, 'Europe/Berlin')";
my @asked = (
	['counts', "SELECT * FROM tally.series('TABLE', 'at', $range, group_by => '{Country}', tz => 'Europe/Berlin') AS t(b timestamptz, c text, n bigint)"],
	['a clock as axis', "SELECT * FROM tally.series('TABLE', 'ts', $range, '{sum(v),min(id)}', '{k}', tz => 'Europe/Berlin') AS t(b timestamp, k int, s numeric, m int)"],
	['days as axis', "SELECT * FROM tally.series('TABLE', 'day', $range, '{count}', '{k}') AS t(b timestamp, k int, n bigint)"],
	['filters and paths', "SELECT * FROM tally.series_long('TABLE', 'at', $range, '{count,avg(props.ms),median(v)}', '{props.page}', filters => '[[\"k\", \"gt\", 2], [\"Country\", \"ne\", \"c1\"]]')"],
	['the largest and the rest, an earlier period', "SELECT * FROM tally.series('TABLE', 'at', $range, '{distinct(id)}', '{Country}', top => 1, other => 'rest', compare => '9 days') AS t(b timestamptz, c text, n bigint, o bigint)"],
	['ever seen, filled from before the range', "SELECT * FROM tally.series('TABLE', 'at', $range, '{last(v)}', '{k}', groups => 'ever', fill => '\"previous\"', seed => true, filters => '[[\"id\", \"lt\", 1500]]') AS t(b timestamptz, k int, v numeric)"],
	['a query', "SELECT tally.series_query_json('SELECT * FROM TABLE WHERE id % 2 = \$1', '[1]', 'at', $range, group_by => '{Country}') #- '{meta}'"],
	['aggregates', "SELECT \"Country\", tally.values(tally.stats($grid, at, v)) FROM TABLE WHERE $grid OPERATOR(tally.@>) at GROUP BY 1 ORDER BY 1"],
	['aggregates of a subselect\'s grid', "SELECT \"Country\", tally.values(tally.count(g, at)) FROM TABLE, $grid g WHERE (SELECT $grid) OPERATOR(tally.@>) at GROUP BY 1 ORDER BY 1"],
);
for my $case (@asked)
{
	my ($what, $ask) = @$case;
	my %said;
	for my $table ('home.ev', 'away.ev', 'parts')
	{
		(my $of = $ask) =~ s/TABLE/$table/;
		$said{$table} = sql($of);
	}
	cmp_ok(length $said{'home.ev'}, '>', 50, "$what: an answer");
	is($said{'away.ev'}, $said{'home.ev'}, "$what: of a foreign table");
	is($said{parts}, $said{'home.ev'}, "$what: of a partitioned table with a foreign part");
}

# What is sent to the other server.
sub remote { return join "\n", sql("EXPLAIN (VERBOSE, COSTS off) $_[0]") =~ /Remote SQL: (.*)/g }
like(remote("SELECT * FROM away.ev WHERE $grid OPERATOR(tally.@>) at"),
	qr/WHERE \(\(at >= '2025-01-19 18:00:00-05'.*\(at < '2025-02-09 18:00:00-05'/, 'both ends of a grid, as constants');
like(remote("SELECT * FROM away.ev WHERE $grid OPERATOR(tally.@>) ts"), qr/WHERE \(\(ts >= '2025-01-20 00:00:00'.*\(ts < '2025-02-10 00:00:00'/, 'of a clock');
like(remote("SELECT * FROM away.ev WHERE (SELECT $grid) OPERATOR(tally.@>) at"), qr/WHERE \(\(at >= \$1.*\(at < \$2/, 'of a subselect, as parameters');
like(remote("SELECT id FROM parts WHERE $grid OPERATOR(tally.@>) at"), qr/FROM home\.early WHERE .*at >= .*at < /, 'to a foreign part');
is(remote("SELECT id FROM parts WHERE tally.grid('1 day', daterange '[2025-03-01,2025-03-05)', 'UTC') OPERATOR(tally.@>) at"), '', 'nothing, where the range is of other parts');

# And so does what tally.series() runs.
my ($plan) = sql("SELECT sql FROM tally.series_plan('away.ev', 'at', $range, group_by => '{Country}', tz => 'Europe/Berlin')");
like(remote($plan), qr/WHERE \(\(at >= '2025-01-19 18:00:00-05'.*\(at < '2025-02-09 18:00:00-05'/, 'tally.series() asks with the range as well');
done_testing();
