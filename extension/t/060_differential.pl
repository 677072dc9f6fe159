# Goal of this test: whatever is asked, Tally's answer is that of plain SQL
# written the slow and obvious way.
#
# Draws TALLY_SPECS (2400) specifications from the seed TALLY_SEED (the
# commit's; printed, to run a failure again): tables with nulls, duplicates, skew and
# odd names, some with rows that not everybody sees; time axes of each type; steps, zones, ranges, origins; measures and
# their sketches, groups, fills, also such as a stored series carries, seeds,
# earlier periods and transforms; asked of the two-step aggregates and of
# tally.series(), series_long() and series_json().  Each answer is compared cell
# by cell, a sketch within what its kind may be off.  Of what
# differs (the first TALLY_SHOW, 3) a cell and Tally's statement are printed
# beside the failed test, both statements before it.  TALLY_ONLY=ID runs one again.
#
# "make fuzz N=..." runs more.
#
# Measures no times.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use Test::More;

use lib dirname(abs_path(__FILE__)) . '/../../deploy/t/lib';
use lib dirname(abs_path(__FILE__)) . '/differential';
use TallySeed qw(seed);
use TallyTest;
use Tables qw(policies tables);
use Spec qw(draw);
use Ours qw(ours grammar);
use Plain qw(plain);

my $specs = $ENV{TALLY_SPECS} // 2400;
my $seed = seed("$specs specifications");
my $only = $ENV{TALLY_ONLY};

my $tally = TallyTest->new(name => 'differential');
$tally->start_postgres(plain => 1, conf => "timezone = '$Spec::SESSION_ZONE'\njit = off\nmax_parallel_workers_per_gather = 0\n");
$tally->psql('CREATE EXTENSION tally', db => 'postgres');
$tally->psql_file(dirname(abs_path(__FILE__)) . '/differential/plain.sql', db => 'postgres');

srand $seed;
my ($tables, $sql) = tables(24);
$tally->psql($sql, db => 'postgres');

# Each in a session with many others: 200 calls of plain.verdict() a psql.
my (%spec, @batches);
for my $id (1 .. $specs)
{
	srand($seed + 1000003 * $id);
	my $s = draw($id, $tables);
	my $n = 0;
	$_->{n} = ++$n for @{ $s->{keys} };
	$_->{grammar} //= grammar($_) for @{ $s->{measures} };
	next if defined $only && $only != $id;
	$spec{$id} = { spec => $s, ours => ours($s), plain => plain($s) };
	push @{ $batches[ int(($id - 1) / 200) ] }, $id;
}

# What tally.series() runs inside of its own is shared with workers in every sixth
# session.
my $WORKERS = 'SET max_parallel_workers_per_gather = 1; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;'
	. ' SET min_parallel_table_scan_size = 0;';
# Every third is of somebody who may not see all rows.
my $READER = 'SET ROLE differential_reader;';
$tally->psql('CREATE ROLE differential_reader; GRANT USAGE ON SCHEMA plain, "Odd ""Schema""" TO differential_reader;'
	. 'GRANT SELECT ON ALL TABLES IN SCHEMA public, "Odd ""Schema""" TO differential_reader;' . policies($tables), db => 'postgres');
my (%count, %shape, @wrong, @shown, @asked);
my $nth = 0;
for my $batch (grep { $_ } @batches)
{
	my $calls = 'SET client_min_messages = warning; ' . (++$nth % 6 == 5 ? $WORKERS : '') . ($nth % 3 == 2 ? $READER : '') . "\n" . join '', map {
		"SELECT plain.verdict($_, \$ours\$$spec{$_}{ours}\$ours\$, \$plain\$$spec{$_}{plain}\$plain\$, "
			. ($spec{$_}{plain} =~ /::float8\[\] AS t\b/ ? 'true' : 'false') . ");\n" } @$batch;
	my %said = map { /^(\d+) (.*)/s ? ($1 => $2) : () } split /\n(?=\d+ )/, $tally->psql($calls, db => 'postgres');
	for my $id (@$batch)
	{
		my $said = $said{$id} // 'no answer';
		my $shape = $spec{$id}{spec}{shape};
		$count{specs}++;
		if ($said =~ /^same (\d+) (\d+)/)
		{
			$count{cells} += $1;
			$shape{$shape}{specs}++;
			$shape{$shape}{filled} += $2;
		}
		elsif ($said =~ /^REFUSED/) { $count{refused}++ }
		else
		{
			push @wrong, $id;
			push @shown, "specification $id ($shape): $said";
			push @asked, "$id is " . substr $spec{$id}{ours}, 0, 1000;
		}
		next if $said =~ /^(same|REFUSED)/ && !defined $only || @wrong > ($ENV{TALLY_SHOW} // 3);
		diag("specification $id ($shape): $said\n-- Tally:\n$spec{$id}{ours};\n-- plain SQL:\n$spec{$id}{plain};\n"
				. "-- again: TALLY_SEED=$seed TALLY_ONLY=$id prove extension/t/060_differential.pl");
	}
}

# show(texts) -- where the failed test is seen, in lines that nothing cuts off.
sub show { note(join "\n", map { unpack '(A250)*' } @_) }

is(scalar @wrong, 0, "$count{specs} answers, " . ($count{cells} // 0) . " cells: none differs (TALLY_SEED=$seed)")
	or show("TALLY_SEED=$seed differ: @wrong[ 0 .. (@wrong > 40 ? 40 : @wrong) - 1 ]", grep { $_ } @shown[ 0 .. 2 ], @asked[ 0 .. 2 ]);
unless (defined $only)
{
	# an hour that is shown twice is no range of a clock
	cmp_ok($count{refused} // 0, '<', $specs / 50, 'few are refused: ' . ($count{refused} // 0));
	for my $shape (sort keys %shape)
	{
		cmp_ok($shape{$shape}{filled}, '>', $shape{$shape}{specs}, "$shape: $shape{$shape}{specs} answers, $shape{$shape}{filled} cells with a value");
	}
}
unlike($tally->log_text('postgres'), qr/terminated by signal|PANIC|runtime error/, 'and no backend died');
done_testing();
