#!/usr/bin/env perl
# Posting events: what is left of a responder's speed when every event is
# checked and on disk before it is answered?
#
#   deploy/bench/ingest.pl [seconds] [rounds] [single|slow|bulk|large]
#
# Starts a Tally of its own (lib/Bench.pm), and compares, in turn in every
# round:
#
#   constant   const_responder.c behind the same nginx, 32 connections
#   single     an event of 200 bytes a request, 32 connections
#   slow       as single, 128 connections, 2 ms added to every sync, against
#              as many connections to the constant
#   bulk       1,000 of them a request, 8 connections
#   influx     as many points a request to InfluxDB, if that is installed
#   large      40,000 events a request, 16 connections, once at the end: only for
#              the memory
#
# Between the measurements the database takes what was posted; bulk and large
# are too fast for it, so there the drain works meanwhile, as it would.
#
# BENCH_SETTINGS changes tally-write's settings ("threads=4,log_requests=on"),
# BENCH_DRAIN=off does not wait for the database between the measurements.
#
# nginx, wrk, the responder and PostgreSQL share the machine, and other loads
# come and go: read the ratios, which are of the medians of all rounds.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Bench;
use Influx;

my $seconds = shift // 5;
my $rounds = shift // 3;
my $only = shift // 'single|slow|bulk|large';
my $drain = ($ENV{BENCH_DRAIN} // 'on') ne 'off';

my $bench = Bench->new(
	write => { split /[=,]/, $ENV{BENCH_SETTINGS} // '' });
my $influx = 'bulk' =~ /$only/ ? Influx->start($bench) : undef;
print "# InfluxDB is not installed\n" if !$influx && 'bulk' =~ /$only/;

my $events = "$bench->{base}/events";
my %post = (post => 1);
my @measurements = (
	[ constant => 'constant', 'single', '/constant', connections => 32, %post ],
	[ single => 'write', 'single', "$events/single", connections => 32, %post ],
	[ constant128 => 'constant', 'slow', '/constant', connections => 128,
		%post ],
	[ slow => 'write', 'slow', "$events/slow", connections => 128, %post ],
	[ bulk => 'write', 'bulk', $events, connections => 8, %post,
		env => { BULK => 1000 } ],
	[ influx => 'influx', 'bulk', undef, connections => 8,
		env => { BULK => 1000 } ]);
my @large = (large => 'write', 'large', $events, connections => 16, %post,
	env => { BULK => 40_000 });

my %rate;
sub measure
{
	my ($round, $name, $process, $stage, $path, %how) = @_;
	return if $stage !~ /^(?:$only)$/ || ($name eq 'influx' && !$influx);
	$bench->{faults}->set(sync_us => $name eq 'slow' ? 2000 : 0);
	my $before = $bench->cpu_us($process);
	my $r = $name eq 'influx'
		? $influx->write($bench, seconds => $seconds, %how)
		: $bench->wrk($path, seconds => $seconds, %how);
	push @{ $rate{$name} }, $r->{rate};
	printf "%s %-11s %9.0f requests/s  p99 %7.2f ms  %8.1f us a request\n",
		$round, $name, $r->{rate}, $r->{p99},
		($bench->cpu_us($process) - $before) / $r->{requests};
	$bench->wait_until_drained if $drain && $process eq 'write';
	return;
}
for my $round (1 .. $rounds)
{
	measure($round, @$_) for @measurements;
}
measure('-', @large);
print '# InfluxDB has ', $influx->count, " points\n" if $influx;

my %m = map { $_ => Bench::median(@{ $rate{$_} }) } keys %rate;
if ($m{single})
{
	printf "single: %.0f events/s acknowledged on disk\n", $m{single};
	$bench->goal('single-event POST / constant', $m{single} / $m{constant},
		'>=', 0.75);
}
$bench->goal('the same, 128 connections, syncs of 2 ms and more',
	$m{slow} / $m{constant128}, '>=', 0.7) if $m{slow};
if ($m{bulk})
{
	$bench->goal('bulk, events/s acknowledged on disk', 1000 * $m{bulk}, '>=',
		600_000, '%.0f');
	$bench->goal("bulk / InfluxDB's line protocol", $m{bulk} / $m{influx},
		'>=', 4) if $m{influx};
}
$bench->finish;
