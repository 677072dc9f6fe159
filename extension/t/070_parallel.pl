# Goal of this test: with parallel workers, which are really launched, every
# aggregate and tally.series() say what they say without, to the letter; and a
# LEFT JOIN from a dimension table gives a complete, empty series for a member
# of which there are no rows, whatever the aggregate.
#
# The aggregates are those of the catalog, so that a new one is tested with
# the rest.
#
# Measures no times.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;

use lib dirname(abs_path(__FILE__)) . '/../../deploy/t/lib';
use TallyTest;

my $tally = TallyTest->new(name => 'parallel');
$tally->start_postgres(plain => 1, conf => <<'EOC');
shared_preload_libraries = 'auto_explain'
auto_explain.log_nested_statements = on
auto_explain.log_analyze = on
auto_explain.log_format = json
max_worker_processes = 8
max_parallel_workers = 4
jit = off
EOC
sql('CREATE EXTENSION tally');

sub sql { return $tally->psql($_[0], db => 'postgres') }

# The workers do all of the work, so that there are always two states to merge.
my $SERIAL = "SET max_parallel_workers_per_gather = 0;\n";
my $PARALLEL = "SET max_parallel_workers_per_gather = 2; SET parallel_leader_participation = off;"
	. " SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;\n";

# Sums of the floats are exact in binary: the order of additions does not show.
sql(<<'SQL');
SELECT setseed(0.31);
CREATE TABLE ev AS SELECT
	CASE WHEN random() < 0.98 THEN '2025-03-01Z'::timestamptz + random() * interval '32 days' END AS at,
	'k' || (random() ^ 2 * 12)::int AS k, (random() * 100)::smallint AS i2, (random() * 1e6)::int - 500000 AS i4,
	(random() * 1e15)::bigint AS i8, round((random() * 1000)::numeric, (random() * 4)::int) AS nu,
	((random() * 1000)::int / 8.0)::real AS f4, (random() * 100000)::int / 64.0::float8 AS f8,
	md5((random() * 50)::int::text) AS t, random() < 0.3 AS b, md5((random() * 30)::int::text)::uuid AS u,
	'2025-01-01Z'::timestamptz + (random() * 20)::int * interval '1 hour' AS tz, date '2025-01-01' + (random() * 9)::int AS day,
	to_jsonb((random() * 9)::int) AS j, '2025-01-01'::timestamp + (random() * 20)::int * interval '1 hour' AS ts
FROM generate_series(1, 12000);
-- a column of nulls here and there
UPDATE ev SET i2 = NULL, i8 = NULL, f8 = NULL, t = NULL, u = NULL, j = NULL WHERE i4 % 7 = 0;
CREATE TABLE grids (g tally.grid);
INSERT INTO grids VALUES (tally.grid('1 day', daterange '[2025-03-02,2025-04-01)', 'Europe/Berlin'));
CREATE TABLE dim AS SELECT DISTINCT k FROM ev UNION SELECT 'nobody' UNION SELECT NULL;
VACUUM ANALYZE;
SQL
my $grid = "tally.grid('1 day', daterange '[2025-03-02,2025-04-01)', 'Europe/Berlin')";

# [call, how far it may be off] of every aggregate of (grid, instant, ..) to a series
my @calls;
for (split /\n/, sql(<<'SQL'))
SELECT p.proname, array_to_string(p.proargtypes::regtype[], ','), array_to_string(p.proargnames, ',')
FROM pg_proc p WHERE prokind = 'a' AND pronamespace = 'tally'::regnamespace AND prorettype = 'tally.series'::regtype
	AND proargtypes[0] = 'tally.grid'::regtype AND proargtypes[1] = 'timestamptz'::regtype ORDER BY 1, 2
SQL
{
	my ($name, $types, $names) = split /\|/;
	my @types = split /,/, $types;
	my @names = split /,/, $names // '';
	my %column = ('smallint' => 'i2', 'integer' => 'i4', 'bigint' => 'i8', 'numeric' => 'nu', 'real' => 'f4',
		'double precision' => 'f8', 'text' => 't', 'boolean' => 'b', 'uuid' => 'u', 'timestamp with time zone' => 'tz',
		'timestamp without time zone' => 'ts', 'date' => 'day', 'jsonb' => 'j');
	my @arguments = ('g', 'at');
	my $is_digest = 0;
	for my $i (2 .. $#types)
	{
		my $argument = $names[$i] // '';
		$is_digest ||= $argument eq 'compression';
		push @arguments, $argument =~ /^(bits|precision)$/ ? '10' : $argument eq 'compression' ? '100' : $column{ $types[$i] } // die "no column of type $types[$i] for tally.$name\n";
	}
	# the deviation of floats hangs in its last digits on what was merged first
	my $far = $is_digest ? "0.02 * (SELECT max(x.v::text::float8) - min(x.v::text::float8) FROM a x WHERE jsonb_typeof(x.v) = 'number')"
		: $name =~ /^(stddev|variance)$/ && $types =~ /real|double/ ? '1e-12 * abs(a.v::text::float8)' : undef;
	push @calls, [ "tally.$name(" . join(', ', @arguments) . ')', $far ];
}
cmp_ok(scalar @calls, '>', 20, 'aggregates found: ' . @calls);

# workers(plan) -- how many were launched below a partial aggregate.
sub workers
{
	my ($plan) = @_;
	return $plan =~ /Partial/ && $plan =~ /Workers Launched: (\d+)/ ? $1 : 0;
}
my $EXPLAIN = 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF)';

# What merging leaves of a digest hangs on the order: there to 2 % of the
# range, and as many values.
my (@serial_only, @different, @incomplete);
my $buckets = sql("SELECT count(*) FROM tally.buckets($grid)");
for (@calls)
{
	my ($call, $far) = @$_;
	my $states = 'SELECT k, ' . ($call =~ s/\bg\b/$grid/r) . ' AS s FROM ev GROUP BY k';
	my $cells = "SELECT k, i, v, n FROM ($states) q, LATERAL tally.json(s) j,"
		. " LATERAL ROWS FROM (jsonb_array_elements(j -> 'values'), jsonb_array_elements(j -> 'n')) WITH ORDINALITY e(v, n, i)";
	my $differ = defined $far ? "abs(a.v::text::float8 - b.v::text::float8) > $far" : 'a.v::text <> b.v::text';
	my $dim = "SELECT dim.k, " . ($call =~ s/\(g, /($grid, /r) . ' AS s FROM dim LEFT JOIN ev ON ev.k = dim.k GROUP BY dim.k';
	my ($said, $plan) = split /^--\n/m, sql(<<"SQL");
$SERIAL CREATE TEMP TABLE a AS $cells;
$PARALLEL CREATE TEMP TABLE b AS $cells;
SELECT count(*) > 100, count(*) FILTER (WHERE coalesce(CASE WHEN (a.v = 'null') <> (b.v = 'null') THEN true WHEN a.v <> 'null' THEN $differ END
	OR a.n IS DISTINCT FROM b.n, true)) FROM a FULL JOIN b USING (k, i);
$SERIAL SELECT count(*), bool_and(jsonb_array_length(j -> 'values') = $buckets AND jsonb_array_length(j -> 'n') = $buckets),
	bool_and((SELECT bool_and(n = '0') FROM jsonb_array_elements(j -> 'n') n))
FROM ($dim HAVING dim.k = 'nobody' OR dim.k IS NULL) q, LATERAL tally.json(s) j;
\\qecho --
$PARALLEL $EXPLAIN $states;
SQL
	push @serial_only, $call unless workers($plan) == 2;
	my ($same, $complete) = split /\n/, $said;
	push @different, "$call $same" if $same !~ /^t\|0$/;
	push @incomplete, "$call $complete" if $complete ne '2|t|t';
}
is("@serial_only", '', 'two workers run each of them');
is(join("\n", @different), '', 'and the series is the same to the letter');
is(join("\n", @incomplete), '', "each gives a member without rows all $buckets buckets, empty");

# Stored parts, merged by workers.
sql('CREATE TABLE parts (measure int, part text, s tally.series)');
for my $i (grep { !defined $calls[$_][1] } 0 .. $#calls)
{
	my $call = $calls[$i][0] =~ s/\bg\b/$grid/r;
	sql("INSERT INTO parts SELECT $i, k || i4 % 40, $call FROM ev GROUP BY 2");
}
sql('VACUUM ANALYZE parts');
my $merged = 'SELECT measure, tally.merge(s) AS s FROM parts GROUP BY measure';
is(workers(sql("$PARALLEL $EXPLAIN $merged")), 2, 'two workers merge stored series');
my $answer = "SELECT measure, tally.json(s) FROM ($merged) q ORDER BY 1";
my $parallel = sql($PARALLEL . $answer);
ok($parallel eq sql($SERIAL . $answer), 'and the merged ones are the same to the letter');
ok($parallel eq join("\n", map { "$_|" . sql($SERIAL . 'SELECT tally.json(' . ($calls[$_][0] =~ s/\bg\b/$grid/r) . ') FROM ev') }
	grep { !defined $calls[$_][1] } 0 .. $#calls), 'and those of all rows at once');

# tally.series() runs its query as a whole, so that it may be parallel.  What
# was launched, auto_explain tells.
my $series = "SELECT * FROM tally.series('ev', 'at', '1 day', daterange '[2025-03-02,2025-04-01)',"
	. " '{count,sum(i8),sum(nu),avg(i4),avg(f8),min(t),max(f8)}', '{k,b}', tz => 'Europe/Berlin')"
	. ' AS x(d timestamptz, k text, b bool, n bigint, s numeric, u numeric, a numeric, f float8, t text, m float8)';
my $serial = sql("$SERIAL$series");
my $before = length $tally->log_text('postgres');
is(sql($PARALLEL . "LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0;\n$series"), $serial, 'tally.series(): the same to the letter');
my $log = substr $tally->log_text('postgres'), $before;
like($log, qr/tally\.collect.*"Workers Launched": 2/s, 'by two workers');

# Where the leader helps, its own panel is passed on as it is, the workers' as
# bytes, in whatever order they are done; and who has no row has no panel.
sql(<<'SQL');
CREATE TABLE wide AS SELECT '2025-03-01Z'::timestamptz + i % 744 * interval '1 hour' AS at, 'key ' || i * 7919 % 977 AS k,
	CASE WHEN i > 1000 THEN i % 100 END AS v FROM generate_series(1, 120000) i;
INSERT INTO wide SELECT '2020-01-01Z', 'none', 1 FROM generate_series(1, 60000);
VACUUM ANALYZE wide;
SQL
my $LEADER = $PARALLEL =~ s/participation = off/participation = on/r;
my @leader_differs;
for my $measures ('count', 'sum(v),count(v)', 'distinct(v)')
{
	my $columns = join ', ', map { "m$_ bigint" } 1 .. 1 + $measures =~ tr/,//;
	for my $more ('', ", filters => '[[\"k\",\"eq\",\"key 5\"]]'", ", filters => '[[\"k\",\"eq\",\"none\"]]'", ", top => 5, other => 'rest'")
	{
		my $wide = "SELECT md5(string_agg(x::text, ' ' ORDER BY x::text)), count(*) FROM tally.series('wide', 'at', '1 hour',"
			. " daterange '[2025-03-02,2025-04-01)', '{$measures}', '{k}', tz => 'UTC'$more) AS x(d timestamptz, k text, $columns)";
		my $alone = sql($SERIAL . $wide);
		for my $workers (1, 2)
		{
			my $said = sql("$LEADER SET max_parallel_workers_per_gather = $workers; $wide; $wide; $wide");
			push @leader_differs, "$workers: $measures$more: $said" if $said ne join "\n", ($alone) x 3;
		}
	}
}
is(join("\n", @leader_differs), '', 'with a leader that helps, one worker or two: the same');
my $panels = sql("$LEADER SET max_parallel_workers_per_gather = 1; $EXPLAIN SELECT count(*), max(v) FROM wide");
ok(workers($panels), 'a worker is launched for such a table');

unlike($tally->log_text('postgres'), qr/terminated by signal|PANIC|runtime error/, 'and no backend died');
done_testing();
