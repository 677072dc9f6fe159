# Goal of this test: what a series takes is bounded by tally.max_memory, and
# not only by its own account: the backend's memory, as the system counts it, is
# looked at after queries that would take many times the limit.  One series of
# the two-step aggregates has the limit for itself; of many under GROUP BY,
# work_mem bounds how many are held at a time, and the limit how they then grow.
#
# Measures no times.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;

use lib dirname(abs_path(__FILE__)) . '/../../deploy/t/lib';
use TallyTest;

my $tally = TallyTest->new(name => 'memory');
$tally->start_postgres;
my $peak = q{SELECT 'peak ' || (regexp_match(pg_read_file('/proc/self/status'), 'VmHWM:\s+(\d+) kB'))[1]};
my $settings = q{
\set ON_ERROR_STOP off
\set VERBOSITY verbose
SET timezone = 'UTC'; SET jit = off; SET work_mem = '4MB'; SET max_parallel_workers_per_gather = 0;
SET tally.max_groups = 100000000; SET tally.max_cells = 2000000000; SET tally.max_buckets = 10000000;
SET search_path = tally, public, pg_catalog;
};

# What a backend takes besides: its caches after a small query of each kind, and
# the rows that the executor holds at a time.
my $warm = q{
SELECT count(*) FROM series_query('SELECT timestamptz ''2025-01-01'' + i * interval ''1 min'' AS at, i AS k, i::text AS t FROM generate_series(1, 100) i',
	NULL, 'at', '1 day', daterange '[2025-01-01,2025-01-02)', group_by => '{k,t}', measures => '{count}') AS t(b timestamptz, k int, t text, n bigint);
SELECT count(s) FROM (SELECT tally.count(tally.grid('1 day', daterange '[2025-01-01,2025-02-01)', 'UTC'), at) AS s
	FROM generate_series(timestamptz '2025-01-01', '2025-01-02', '1 hour') at) x;
};
use constant OTHER_KB => 16 * 1024;

# run(limit in kB, statement) -- kB that the statement took at most; what it said
sub run
{
	my ($limit, $sql, $more) = @_;
	$more //= '';
	my ($ok, $out, $err) = $tally->psql_try("$settings SET tally.max_memory = '${limit}kB'; $more;\n$warm\n$peak;\n$sql;\n$peak;\n");
	my @peaks = $out =~ /^peak (\d+)$/mg;
	die "memory: no peaks in $out$err" unless @peaks == 2;
	return ($peaks[1] - $peaks[0], "$out$err");
}

# refused(what, limit in kB, statement) -- the limit is met, and nearly used up
sub refused
{
	my ($what, $limit, $sql, %opt) = @_;
	my ($took, $said) = run($limit, $sql, $opt{more} // '');
	like($said, qr/54000:.*(?:kB of memory|memory)/, "$what: refused");
	cmp_ok($took, '<=', $limit * 1.1 + OTHER_KB, "$what: $took kB of $limit");
	cmp_ok($took, '>=', $limit * 0.4, "$what: and it is the limit that is met");
	return;
}

# rows(expressions) -- as a series_query() of so many rows that a limit is met
sub rows
{
	my ($columns, $arguments, $every) = @_;
	$every //= '1 day';
	return "SELECT count(*) FROM series_query('SELECT timestamptz ''2025-01-01'' + (i % 80000) * interval ''1 min'' AS at, $columns"
		. " FROM generate_series(1, 1500000) i', NULL, 'at', '$every', daterange '[2025-01-01,2025-03-01)', $arguments)";
}

my $limit = 32 * 1024;
refused('groups of a number', $limit, rows('i AS k', "group_by => '{k}'") . ' AS t(b timestamptz, k int, n bigint)');
refused('groups of long text', $limit, rows('repeat(i::text, 20) AS k', "group_by => '{k}'") . ' AS t(b timestamptz, k text, n bigint)');
refused('buckets and groups', $limit, rows('i % 3001 AS k', "group_by => '{k}', measures => '{sum(k)}'", '1 hour') . ' AS t(b timestamptz, k int, n bigint)');
refused('one bucket', $limit, rows('i AS k', "group_by => '{k}', measures => '{count,sum(k)}'", '1 year') . ' AS t(b timestamptz, k int, n bigint, s bigint)');
refused('least texts', $limit, rows('repeat(i::text, 20) AS v, i % 20011 AS k', "group_by => '{k}', measures => '{min(v)}'") . ' AS t(b timestamptz, k int, v text)');
refused('sets of values', $limit, rows('repeat(i::text, 5) AS v', "measures => '{values(v)}'") . ' AS t(b timestamptz, v text[])');
refused('distinct values', $limit, rows('i AS v', "measures => '{distinct(v)}'", '1 month') . ' AS t(b timestamptz, v bigint)');
refused('exact percentiles', 8 * 1024, rows('i AS v', "measures => '{\"percentile(v, 0.9)\"}'") . ' AS t(b timestamptz, v float8)');
refused('sketches', $limit, rows('i AS v, i % 5003 AS k', "group_by => '{k}', measures => '{\"distinct(v, 14)\"}'") . ' AS t(b timestamptz, k int, v bigint)');

# One document: what it is made of, and itself beside that.
sub document
{
	my ($columns, $arguments) = @_;
	return "SELECT pg_column_size(series_query_json('SELECT timestamptz ''2025-01-01'' + (i % 80000) * interval ''1 min'' AS at, $columns"
		. " FROM generate_series(1, 1500000) i', NULL, 'at', '1 hour', daterange '[2025-01-01,2025-03-01)', $arguments))";
}
my $counts = document('i % 3001 AS k', "group_by => '{k}'");
refused('a document of counts', 56 * 1024, $counts);
refused('a document of sums', 64 * 1024, document('i::bigint AS v, i % 1009 AS k', "group_by => '{k}', measures => '{sum(v),avg(v)}'"));
refused('a document of texts, some of them again', 64 * 1024,
	document('repeat(i::text, 20) AS v, i % 101 AS k', q{group_by => '{k}', measures => '{min(v)}', fill => '{"min(v)":"previous"}'}));
# 4.2 million cells of 8 bytes, and of 12 in the document
my ($document, $size) = run(100 * 1024, $counts);
like($size, qr/^5\d{7}$/m, 'a document that fits just so is given');
cmp_ok($document, '<=', 110 * 1024 + OTHER_KB, "in $document kB");

# One series: the limit is its own.
my $grid = q{tally.grid('1 day', daterange '[2025-01-01,2025-03-01)', 'UTC')};
my $from = q{FROM (SELECT timestamptz '2025-01-01' + (i % 80000) * interval '1 min' AS at, i FROM generate_series(1, 1500000) i) e};
my ($took, $said) = run($limit, "SELECT tally.count(tally.grid('1 second', daterange '[2025-01-01,2025-02-15)', 'UTC'), now()) $from");
like($said, qr/54000:/, 'a series of too many buckets: refused');
cmp_ok($took, '<', OTHER_KB, 'before they are made');

# Many series: hash aggregation holds as many as work_mem allows, and spills the
# rows of others; sorted, it holds one.
my $many = "SELECT count(s), count(DISTINCT k) FROM (SELECT i % 100000 AS k, tally.count($grid, at) AS s $from WHERE i <= 400000 GROUP BY 1) x";
for my $way ('hashed', 'sorted')
{
	my $more = "SET work_mem = '8MB'; SET hash_mem_multiplier = 2; SET enable_" . ($way eq 'hashed' ? 'sort' : 'hashagg') . ' = off';
	($took, $said) = run($way eq 'hashed' ? 40 * 1024 : 1024, $many, $more);
	like($said, qr/^100000\|100000$/m, "$way: 100,000 series");
	# all of them at a time would be 200 MB
	cmp_ok($took, '<', 64 * 1024, "$way: in $took kB");
}

# Sets and lists of values that begin small and all grow at the same time: what is
# held may take the limit beyond work_mem.  One after the other they need little.
for my $call ('distinct(G, at, i::text)', 'values(G, at, i::text)', 'median(G, at, i)', 'percentiles(G, at, i)')
{
	(my $set = $call) =~ s/G/$grid/;
	my $sets = "SELECT count(s), count(DISTINCT k) FROM (SELECT i % 500 AS k, tally.$set AS s $from GROUP BY 1) x";
	my $merged = "SELECT count(s), count(DISTINCT k) FROM (SELECT k, tally.merge(s) AS s FROM (SELECT i % 500 AS k, tally.$set AS s $from GROUP BY i % 500, i / 10000) y GROUP BY 1) x";
	my $work_mem = q{SET work_mem = '4MB'; SET hash_mem_multiplier = 1};
	my $held = 12 * 1024;
	for my $sql ($sets, $call =~ /distinct|median/ ? $merged : ())
	{
		my $what = "500 groups, tally.$call" . ($sql eq $merged ? ', merged' : '');
		($took, $said) = run($held, $sql, "$work_mem; SET enable_sort = off");
		like($said, qr/54000: series of one aggregation take more than 16384 kB of memory.*enable_hashagg = off/s, "$what: refused");
		cmp_ok($took, '<=', ($held + 4096) * 1.1 + OTHER_KB, "and in $took kB");
	}
	(my $fewer = $sets) =~ s/GROUP BY 1\) x$/WHERE i <= 200000 GROUP BY 1) x/ or die;
	($took, $said) = run($held, $fewer, "$work_mem; SET enable_hashagg = off");
	like($said, qr/^500\|500$/m, "sorted: tally.$call is answered");
	cmp_ok($took, '<=', $held * 1.1 + OTHER_KB, "in $took kB");
}
my $sets = "SELECT count(s), count(DISTINCT k) FROM (SELECT i % 100000 AS k, tally.distinct($grid, at, i) AS s $from WHERE i <= 500000 GROUP BY 1) x";
($took, $said) = run(40 * 1024, $sets, "SET work_mem = '8MB'; SET hash_mem_multiplier = 2; SET enable_sort = off");
like($said, qr/^100000\|100000$/m, '100,000 groups with a set each');
cmp_ok($took, '<=', (40 + 16) * 1024 * 1.1 + OTHER_KB, "in $took kB");

# A limit as small as can be is kept, too: the context's own number.
is($tally->psql(q{
	SET tally.max_memory = '64kB'; SET timezone = 'UTC';
	CREATE FUNCTION refusals() RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		detail text; most int := 0;
	BEGIN
		FOR n IN 1 .. 40 LOOP
			BEGIN
				PERFORM * FROM tally.series_query('SELECT timestamptz ''2025-01-01'' AS at, repeat(i::text, $1) AS k FROM generate_series(1, 100000) i',
					jsonb_build_array(n), 'at', '1 day', daterange '[2025-01-01,2025-01-02)', group_by => '{k}') AS t(b timestamptz, k text, n bigint);
				RETURN 'not refused';
			EXCEPTION WHEN program_limit_exceeded THEN
				GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
				most := greatest(most, (regexp_match(detail, '(\d+) kB'))[1]::int);
			END;
		END LOOP;
		RETURN CASE WHEN most > 64 THEN 'refused' END;
	END $$;
	SELECT refusals();
}), 'refused', 'a limit of 64 kB refuses');

done_testing();
