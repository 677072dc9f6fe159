# Goal of this test: a hot standby, which can write nothing at all, answers
# every form of a series, prices it and refuses it as its primary does.
#
# Measures no times.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;

use lib dirname(abs_path(__FILE__)) . '/../../deploy/t/lib';
use TallyTest;

my $primary = TallyTest->new(name => 'primary');
$primary->start_postgres;
$primary->psql(<<'SQL');
CREATE TABLE ev AS
SELECT timestamptz '2025-01-01Z' + i * interval '1 min' AS at, i AS id, i % 7 AS k, 'c' || i % 3 AS country,
	jsonb_build_object('ms', i % 100) AS props
FROM generate_series(0, 19999) i;
CREATE TABLE part (LIKE ev) PARTITION BY RANGE (at);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (MINVALUE) TO ('2025-01-05Z');
CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM ('2025-01-05Z') TO (MAXVALUE);
INSERT INTO part TABLE ev;
-- so that these rows are not counted as changes since ANALYZE
SELECT pg_stat_force_next_flush();
ANALYZE ev;
ANALYZE part;
CREATE TABLE states AS SELECT country, tally.sum(g, at, k) AS s
FROM ev, tally.grid('1 day', daterange '[2025-01-01,2025-01-15)', 'UTC') g GROUP BY 1;
CREATE VIEW daily AS SELECT * FROM tally.series('ev', 'at', '1 day', daterange '[2025-01-01,2025-01-15)', group_by => '{country}', tz => 'UTC')
	AS t(b timestamptz, country text, n bigint);
SQL

my $standby = TallyTest->new(name => 'replica');
$standby->run_as_user($primary->pg('pg_basebackup'), '-h', $primary->dir . '/run', '-p', 5432, '-U', 'postgres',
	'-D', $standby->dir . '/pgdata', '-R', '-c', 'fast', '--no-sync');
open my $fh, '>>', $standby->dir . '/pgdata/postgresql.conf' or die $!;
print $fh "unix_socket_directories = '", $standby->dir, "/run'\n";
close $fh;
$standby->start_postgres(plain => 1);
is($standby->psql('SELECT pg_is_in_recovery()'), 't', 'a standby');

my $range = q{'1 day', daterange '[2025-01-01,2025-01-15)'};
my @same = (
	['series', "SELECT * FROM tally.series('ev', 'at', $range, '{count,sum(k)}', '{country}') AS t(b timestamptz, c text, n bigint, s bigint)"],
	['of a partitioned table', "SELECT * FROM tally.series('part', 'at', $range, group_by => '{k}') AS t(b timestamptz, k int, n bigint)"],
	['top and the rest, in one pass', "SELECT * FROM tally.series('ev', 'at', $range, group_by => '{country}', top => 2, other => 'rest') AS t(b timestamptz, c text, n bigint)"],
	['in two', "SELECT * FROM tally.series('ev', 'at', $range, group_by => '{country}', top => 2, other => 'rest') AS t(b timestamptz, c text, n bigint)", 'SET tally.max_cells = 60'],
	['series_long with filters, members, an earlier period',
		"SELECT * FROM tally.series_long('ev', 'at', $range, '{count,avg(props.ms)}', '{country}', filters => '[[\"k\", \"gt\", 3]]', members => '[\"c9\"]', compare => '7 days')"],
	['series_query', "SELECT * FROM tally.series_query('SELECT at FROM ev WHERE k = \$1', '[3]', 'at', $range) AS t(b timestamptz, n bigint)"],
	['series_json', "SELECT tally.series_json('ev', 'at', $range, group_by => '{k}') #- '{meta}'"],
	['a view', 'SELECT * FROM daily'],
	['stored states', 'SELECT tally.values(tally.merge(s)) FROM states'],
	['aggregates', "SELECT country, r.* FROM (SELECT country, tally.avg(g, at, k) AS s FROM ev, tally.grid($range, 'UTC') g GROUP BY 1) x, LATERAL tally.rows(s, 'previous') r"],
	['aggregates in parallel', "SELECT tally.values(tally.count(tally.grid($range, 'UTC'), at)) FROM ev",
		'SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0'],
	['the price', "SELECT est_groups, est_cells, verdict, sql FROM tally.series_plan('ev', 'at', $range, group_by => '{id}')", 'SET tally.max_cells = 1000'],
);
for my $case (@same)
{
	my ($what, $sql, $more) = @$case;
	my $ask = "SET timezone = 'UTC'; " . ($more // '') . ";\n$sql";
	my ($theirs, $ours) = ($primary->psql($ask), $standby->psql($ask));
	ok(length $theirs && $ours eq $theirs, "the same: $what") or diag("$theirs\n$ours");
}

# A refusal before the scan, by the statistics that came with the table.
my (undef, undef, $error) = $standby->psql_try(
	"SET tally.max_cells = 1000; SELECT * FROM tally.series('ev', 'at', $range, group_by => '{id}') AS t(b timestamptz, i int, n bigint)");
like($error, qr/more than 1000 cells.*statistics of column "id"/s, 'refused by statistics');
# And one while it is made: the numbers of a query's groups are not sure.
(undef, undef, $error) = $standby->psql_try(
	"SET tally.max_cells = 1000; SELECT * FROM tally.series_query('TABLE ev', NULL, 'at', $range, group_by => '{id}') AS t(b timestamptz, i int, n bigint)");
like($error, qr/more than 1000 cells/, 'refused while it is made');
is($standby->psql('SELECT count(*) FROM daily'), $primary->psql('SELECT count(*) FROM daily'), 'and goes on');

# What is written on the primary is in the next answer.
$primary->psql("INSERT INTO ev SELECT '2025-01-02Z', i, 1, 'c0', '{}' FROM generate_series(1, 5) i");
my $lsn = $primary->psql('SELECT pg_current_wal_lsn()');
for (1 .. 100)
{
	last if $standby->psql("SELECT pg_last_wal_replay_lsn() >= '$lsn'") eq 't';
	select undef, undef, undef, 0.1;
}
is($standby->psql('SELECT sum(n) FROM daily'), 20005, 'it follows');

done_testing();
