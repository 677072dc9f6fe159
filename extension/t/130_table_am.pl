# Goal of this test: a table of another access method (table_am/keeping_am.c) is read as
# the executor reads it, also where the aggregate takes the rows from the scan
# itself: what the scan keeps from row to row stays where it is.
#
# Measures no times.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;

use lib dirname(abs_path(__FILE__)) . '/../../deploy/t/lib';
use TallyTest;

my $tally = TallyTest->new(name => 'table-am');
$tally->start_postgres(plain => 1, conf => "jit = off\n");
my $library = $tally->dir . '/bin/keeping_am.so';
my $pg_config = $tally->pg('pg_config');
chomp(my $include = `$pg_config --includedir-server`);
system('cc', '-O2', '-fPIC', '-shared', "-I$include", '-o', $library,
	dirname(abs_path(__FILE__)) . '/table_am/keeping_am.c') == 0
	or die "no library\n";
chmod 0755, $library;

sub sql { return $tally->psql("SET timezone = 'UTC';\nSET max_parallel_workers_per_gather = 0;\n$_[0]", db => 'postgres') }

sql(<<"SQL");
CREATE EXTENSION tally;
CREATE FUNCTION keeping(internal) RETURNS table_am_handler LANGUAGE c AS '$library', 'keeping_am_handler';
CREATE ACCESS METHOD keeping TYPE TABLE HANDLER keeping;
CREATE TABLE ours (at timestamptz, k text, j jsonb);
INSERT INTO ours SELECT timestamptz '2025-03-01Z' + i * interval '1 min', 'k' || i % 5, jsonb_build_object('text', repeat('x', 300 + i % 3), 'n', i)
FROM generate_series(1, 2000) i;
CREATE TABLE theirs (LIKE ours) USING keeping;
INSERT INTO theirs TABLE ours;
ANALYZE;
SQL

for my $case (
	['a column counted', '{count}', '{k}', 'k text, n bigint'],
	['texts made of JSON', '{count}', '{j.text}', 'k text, n bigint'],
	['numbers of JSON', '{sum(j.n)}', '{k}', 'k text, n numeric'])
{
	my ($what, $measures, $groups, $columns) = @$case;
	my ($ours, $theirs) = map {
		sql("SELECT string_agg(t::text, ' ' ORDER BY b, k) FROM tally.series('$_', 'at', '1 day', daterange '[2025-03-01,2025-03-04)',"
				. " '$measures', '$groups') AS t(b timestamptz, $columns)")
	} 'ours', 'theirs';
	isnt($ours, '', "$what: something is there");
	is($theirs, $ours, "$what: as of a table of heap");
}

done_testing();
