#!/usr/bin/perl
# run.pl -- the fuzz targets of this folder for some seconds each, as TAP.
#
#   run.pl BUILD ASAN SECONDS CORPUS [TARGET...]
#
# BUILD is the folder of the modules, ASAN the sanitizer's runtime that clang has
# for them. CORPUS keeps what was found from one run to the next; "" throws it
# away. What made a target fail is kept in BUILD.
#
# Each target runs in a server of one process (postgres --single), on a cluster
# whose functions of Tally are those of tally_fuzz.so. PG_CONFIG says which
# server; the extension must be installed in it.
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Copy qw(copy);
use File::Path qw(make_path);
use IPC::Run ();
use Test::More;

my $here;
BEGIN { $here = dirname(abs_path(__FILE__)) }
use lib "$here/../../deploy/t/lib";
use TallyTest;

die "usage: run.pl BUILD ASAN SECONDS CORPUS [TARGET...]\n" if @ARGV < 4;
my ($build, $asan, $seconds, $corpus, @targets) = @ARGV;

# Where each target begins, so that the grammar need not be guessed, and the
# words that a change may put in.
my %seeds = (
	timeframe => [
		map { "\0\6" . pack('q', 800_000_000_000_000) . $_ }
			'this_7_days', 'previous_3_quarters', 'yesterday',
		'[2025-03-01,2025-04-01)', '("2025-03-01 06:00" , 2025-03-01T18:00:00+02:00]'
	],
	grid => [
		'every=1 day; from=2025-03-01 00:00:00+00; until=2025-04-01 00:00:00+00; '
			. 'zone=Europe/Berlin; week_start=7; origin=2025-01-31 00:00:00+00',
		'every=2 mons; from=2011-12-01 00:00:00+00; until=2012-03-01 00:00:00+00; '
			. 'zone=Pacific/Apia',
	],
	filter => [
		'0[{"property_name": "a", "operator": "gte", "property_value": 1.5}]',
		'0[{"property_name": "c", "operator": "in", "property_value": [1, "x", null]}]',
		'0[{"property_name": "keen.timestamp", "operator": "lt", "property_value": "2025-03-01T00:00:00Z"}]',
		'0[{"property_name": "o.p.q", "operator": "exists", "property_value": true}]',
		'0[{"property_name": "b", "operator": "not_contains", "property_value": "ex"}]',
		'1[["name", "eq", "x"], ["n", "in", [1, 2.5, null]], ["Odd \"one", "ne", null]]',
		'1[["doc.a.b", "contains", "x"], ["doc.list.0", "gte", 10], ["list", "contains", "x"]]',
		'1[["at", "lt", "2025-03-01"], ["doc", "exists", "false"]]',
	],
	request => [
		'0{"event_collection": "c", "timeframe": "this_7_days", "timezone": "Europe/Berlin", '
			. '"interval": "every_2_days", "group_by": ["a", "b.c"], "limit": 5, '
			. '"order_by": [{"property_name": "result", "direction": "DESC"}]}',
		'4{"event_collection": "c", "target_property": "x.y", "timezone": -3600, '
			. '"timeframe": {"start": "2025-03-01T00:00:00Z", "end": "2025-04-01T00:00:00Z"}, '
			. '"filters": [{"property_name": "a", "operator": "eq", "property_value": 1}]}',
		# as many as there may be, and one more
		map { '0{"event_collection": "c", "timeframe": "today", "group_by": ["'
				. join('", "', map { "g$_" } 1 .. $_->[0]) . '"], "order_by": ["'
				. join('", "', 'result', map { 'g' . (1 + $_ % 20) } 1 .. $_->[1]) . '"]}' }
			[20, 20], [21, 20], [20, 21],
	],
	measure => [
		'count', 'sum(n) AS total', 'percentile(doc.a."b.c", 0.95, 100)',
		'distinct("Odd ""one", 12)', 'count(*)',
	],
	column => [ 'name', 'Odd "one', 'doc.a.b', 'doc."a.b"."c ""d""".0' ],
);
my %words = (
	timeframe => [
		qw(this_ previous_ last_ today yesterday minute hour day week month
			quarter year s [ ] \( \) Z +02:00 999999999 294276-12-31 -infinity)
	],
	grid => [
		qw(every= from= until= zone= week_start= origin= UTC -infinity BC 1e9
			mons days hours -1 day +02:00 294276-12-31 00:00:00.5 <+05>-05)
	],
	filter => [
		qw(property_name operator property_value eq ne lt lte gt gte exists in
			contains not_contains true false null keen.timestamp keen.created_at
			keen.id name doc. list at ok)
	],
	request => [
		qw(event_collection timeframe timezone interval group_by limit order_by
			direction ASC DESC target_property filters start end every_ _days
			daily hourly weekly result max_age)
	],
	measure => [
		qw(count sum avg min max first last stddev variance median distinct
			values percentile AS * doc. name list 0.5 1e308 nan)
	],
	column => [ qw(name doc. list Odd " "" ." "." .0 -1 at) ],
);
@targets = sort keys %seeds unless @targets;

my $tally = TallyTest->new(name => 'fuzz');
my $dir = $tally->dir;
my $copy = "$dir/bin/tally_fuzz.so";

copy("$build/$_", "$dir/bin/$_") or die "$build/$_: $!\n" for qw(tally_fuzz.so first.so);
$tally->start_postgres(plain => 1);
$tally->psql(<<'SQL', db => 'postgres');
CREATE EXTENSION tally;
CREATE TABLE fuzzed (at timestamptz, name text, n int, x float8, ok bool,
	list text[], doc jsonb, "Odd ""one" numeric(20, 5), day date, id uuid);
SQL
# Who calls a function of the installed module now calls that of the copy.
$tally->psql(<<"SQL", db => 'postgres');
UPDATE pg_proc SET probin = '$copy' WHERE probin LIKE '%/tally';
SQL
$tally->stop_postgres;

# write_file(path, bytes)
sub write_file
{
	my ($path, $bytes) = @_;
	open my $fh, '>:raw', $path or die "$path: $!\n";
	print $fh $bytes;
	close $fh or die "$path: $!\n";
}

# prepare(target) -- the folder of its inputs, and the list of its words.
sub prepare
{
	my ($target) = @_;
	my $inputs = "$dir/run/$target";
	my $n = 0;

	make_path($inputs);
	write_file("$inputs/seed-" . $n++, $_) for @{ $seeds{$target} };
	for my $file ($corpus eq '' ? () : glob "$corpus/$target/*")
	{
		copy($file, $inputs) or die "$file: $!\n";
	}
	write_file("$dir/$target.words",
		join '', map { s/(["\\])/\\$1/gr =~ s/(.+)/"$1"\n/r } @{ $words{$target} });
	chown $tally->{uid}, $tally->{gid}, $inputs if defined $tally->{uid};
	return $inputs;
}

# fuzz(target) -- (exit status, what was said)
sub fuzz
{
	my ($target) = @_;
	my $inputs = prepare($target);
	my @arguments = ("-max_total_time=$seconds", '-max_len=2048', '-timeout=20',
		'-rss_limit_mb=2048', '-use_value_profile=1', '-print_final_stats=1',
		"-dict=$dir/$target.words", "-artifact_prefix=$dir/run/$target-",
		($ENV{TALLY_SEED} ? "-seed=$ENV{TALLY_SEED}" : ()), $inputs);
	my $list = join ', ', map { "'$_'" } @arguments;
	my ($out, $sql) = ('', <<"SQL");
CREATE OR REPLACE FUNCTION public.tally_fuzz(text, text[]) RETURNS void LANGUAGE c AS '$copy'
SELECT public.tally_fuzz('$target', ARRAY[$list])
SQL

	local $ENV{LD_PRELOAD} = "$asan $dir/bin/first.so";
	local $ENV{ASAN_OPTIONS} = 'detect_leaks=0:allocator_may_return_null=1';
	local $ENV{UBSAN_OPTIONS} = 'print_stacktrace=1';
	eval {
		IPC::Run::run([$tally->pg('postgres'), '--single', '-D', "$dir/pgdata", 'postgres'],
			'<', \$sql, '>&', \$out, init => sub { $tally->become_user },
			IPC::Run::timeout(60 + 2 * $seconds, exception => 'hangs'));
		1;
	} or return (1, "$@$out");
	return ($?, $out);
}

# complaint(out) -- what was found, or else the end of what was said.
sub complaint
{
	my @lines = grep { !/^#\d/ } split /\n/, $_[0];
	my $found = qr/ERROR: |runtime error: | not so: /;

	shift @lines while @lines > 60 && $lines[0] !~ $found;
	splice @lines, 60 if @lines > 60;
	return join "\n", @lines;
}

for my $target (@targets)
{
	my ($status, $out) = fuzz($target);
	my ($inputs) = $out =~ /^stat::number_of_executed_units: (\d+)/m;

	# A server that could not even begin has an exit status of 0, too.
	ok($status == 0 && defined $inputs, "$target: " . ($inputs // 'no') . ' inputs')
		or diag(complaint($out));
	copy($_, "$build/") for glob "$dir/run/$target-*";
	next if $corpus eq '';
	make_path("$corpus/$target");
	copy($_, "$corpus/$target/") for glob "$dir/run/$target/*";
}
done_testing;
