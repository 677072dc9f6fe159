# Goal of this test: whoever calls our aggregates for somebody else, as the
# planner of a distributed table does on its shards, gets states that merged say
# what the aggregate says of all rows.
#
# No other extension is needed: shards/partial.c calls aggregates in that way.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;

use lib dirname(abs_path(__FILE__)) . '/../../deploy/t/lib';
use TallyTest;

my $tally = TallyTest->new(name => 'shards');
$tally->start_postgres(plain => 1, conf => "jit = off\n");
sub sql { return $tally->psql($_[0], db => 'postgres') }

my $module = $tally->dir . '/run/partial.so';
chomp(my $include = qx("${\$tally->pg('pg_config')}" --includedir-server));
system('cc', '-O1', '-g', '-fPIC', '-shared', '-I', $include, '-o', $module, dirname(abs_path(__FILE__)) . '/shards/partial.c') == 0
	or BAIL_OUT('shards/partial.c does not compile');
sql(<<"SQL");
CREATE EXTENSION tally;
CREATE FUNCTION partial_row(internal, oid, record) RETURNS internal LANGUAGE C AS '$module';
CREATE FUNCTION partial_text(internal) RETURNS text LANGUAGE C AS '$module';
CREATE AGGREGATE partial(oid, record) (SFUNC = partial_row, STYPE = internal, FINALFUNC = partial_text);
SELECT setseed(0.31);
CREATE TABLE ev AS SELECT
	CASE WHEN random() < 0.98 THEN '2025-03-01Z'::timestamptz + random() * interval '32 days' END AS at,
	'k' || (random() ^ 2 * 12)::int AS k, i AS id, i % 5 AS shard, (random() * 100)::smallint AS i2, (random() * 1e6)::int - 500000 AS i4,
	nullif(i % 7, 0) * (random() * 1e12)::bigint AS i8, round((random() * 1000)::numeric, (random() * 4)::int) AS nu,
	((random() * 1000)::int / 8.0)::real AS f4, (random() * 100000)::int / 64.0::float8 AS f8,
	md5((random() * 50)::int::text) AS t, random() < 0.3 AS b, md5((random() * 30)::int::text)::uuid AS u,
	'2025-01-01Z'::timestamptz + (random() * 20)::int * interval '1 hour' AS tz, date '2025-01-01' + (random() * 9)::int AS day,
	jsonb_build_object('n', (random() * 9)::int, 's', 's' || i % 4) AS j, '2025-01-01'::timestamp + (random() * 20)::int * interval '1 hour' AS ts
FROM generate_series(1, 4000) i;
SQL
my $range = q{'1 day', daterange '[2025-03-02,2025-04-01)'};
my $grid = "tally.grid($range, 'Europe/Berlin')";

# Every two-step aggregate of the catalog, so that a new one is tested, too.
my %column = ('smallint' => 'i2', 'integer' => 'i4', 'bigint' => 'i8', 'numeric' => 'nu', 'real' => 'f4', 'double precision' => 'f8',
	'text' => 't', 'boolean' => 'b', 'uuid' => 'u', 'timestamp with time zone' => 'tz', 'timestamp without time zone' => 'ts', 'date' => 'day', 'jsonb' => 'j');
my ($n, @different) = (0);
for (split /\n/, sql(<<'SQL'))
SELECT p.oid::regprocedure, array_to_string(p.proargtypes::regtype[], ','), array_to_string(p.proargnames, ',')
FROM pg_proc p WHERE prokind = 'a' AND pronamespace = 'tally'::regnamespace AND prorettype = 'tally.series'::regtype
	AND proargtypes[0] = 'tally.grid'::regtype AND proargtypes[1] = 'timestamptz'::regtype ORDER BY 1
SQL
{
	my ($aggregate, $types, $names) = split /\|/;
	my @types = split /,/, $types;
	my @names = split /,/, $names // '';
	my @rest = map { ($names[$_] // '') =~ /^(bits|precision|compression)$/ ? 100 - 90 * ($1 ne 'compression') : $column{ $types[$_] } // die "no column of type $types[$_]\n" } 2 .. $#types;
	my $arguments = join ', ', $grid, 'at', @rest;
	# the last digits of a deviation, and what a digest keeps, hang on what was merged first
	my $far = $names =~ /compression/ ? 'abs(a.v::text::float8 - b.v::text::float8) > 0.02 * (SELECT max(abs(x.v::text::float8)) FROM a x)'
		: $aggregate =~ /^tally\.(stddev|variance).*(real|double)/ ? 'abs(a.v::text::float8 - b.v::text::float8) > 1e-12 * abs(a.v::text::float8)' : 'a.v::text <> b.v::text';
	my $cells = 'SELECT i, v, n FROM (%s) q(s), LATERAL tally.json(s) j,'
		. " LATERAL ROWS FROM (jsonb_array_elements(j -> 'values'), jsonb_array_elements(j -> 'n')) WITH ORDINALITY e(v, n, i)";
	my $all = sprintf $cells, 'SELECT ' . ($aggregate =~ s/\(.*//r) . "($arguments) FROM ev";
	my $merged = sprintf $cells, "SELECT tally.merge(p::tally.series) FROM (SELECT partial('$aggregate'::regprocedure, ROW($arguments)) FROM ev GROUP BY shard) s(p)";
	my ($ok, $said, $err) = $tally->psql_try("WITH a AS ($all), b AS ($merged) SELECT count(*) = 30 AND count(*) FILTER (WHERE a.n IS DISTINCT FROM b.n OR coalesce(CASE WHEN (a.v = 'null') <> (b.v = 'null')"
			. " THEN true WHEN a.v <> 'null' THEN $far ELSE false END, true)) = 0 FROM a FULL JOIN b USING (i)", db => 'postgres');
	$n++;
	push @different, "$aggregate: $said $err" unless $ok && $said =~ /^t$/;
}
cmp_ok($n, '>', 20, "aggregates found: $n");
is(join("\n", @different), '', 'the states of shards, merged, are the series of all rows');

unlike($tally->log_text('postgres'), qr/terminated by signal|PANIC|runtime error/, 'and no backend died');
done_testing();
