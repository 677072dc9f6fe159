#!/usr/bin/env perl
# Queries: what is left of a responder's speed when the answer is in the cache,
# and what does the responder add to the call of tally.query() when not?
#
#   deploy/bench/query.pl [seconds] [rounds]
#
# Starts a Tally of its own (lib/Bench.pm), and compares, in turn in every
# round, 32 connections:
#
#   constant   const_responder.c behind the same nginx
#   cached     a query of a small series whose answer is in the cache
#
# In every round also a small series that is another query each time, one after
# the other: its p50 by the responder's clock, that of the same statement by
# the server's (its log of durations), and the difference, which is the
# responder's own cost. Then large answers, uncached, for the memory.
#
# nginx, wrk, the responder and PostgreSQL share the machine, and other loads
# come and go: read the ratio, which is of the medians of all rounds.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Bench;

my $seconds = shift // 5;
my $rounds = shift // 3;
my $EVENTS = 1000;
my $UNCACHED = 300;
# No two have the same time zone, in minutes: it is part of what is asked.
my $LARGE = 40;

my $bench = Bench->new(conf => "log_min_duration_statement = 0\n",
	read => { log_requests => 'true' });
my $tally = $bench->{tally};
my $p = $bench->{project};
my $base = $bench->{base};
my @get = (connections => 32, seconds => $seconds, key => $p->{read_key});

$tally->http('POST', "$base/events", key => $p->{write_key}, json =>
	{ c => [ map { { n => $_ } } 1 .. $EVENTS ] });
$bench->wait_until_drained;

my $query = "$base/queries/count?event_collection=c&timeframe=this_7_days"
	. '&interval=daily';
$tally->wait_until('an answer', sub {
	$tally->http('GET', $query, key => $p->{read_key})->{status} == 200 });

# uncached(round) -- (median in the responder, of it the statement), ms.
sub uncached
{
	my ($round) = @_;
	my ($read_log, $pg_log) =
		map { length $tally->log_text($_) } qw(read postgres);
	for my $n (1 .. $UNCACHED)
	{
		my $zone = $round * $UNCACHED + $n;
		my $r = $tally->http('GET', "$query&timezone=$zone",
			key => $p->{read_key});
		die "no answer: $r->{content}" unless $r->{status} == 200;
	}
	my @responder = (substr $tally->log_text('read'), $read_log)
		=~ /status=200 us=(\d+)/g;
	my $log = substr $tally->log_text('postgres'), $pg_log;
	# parse, bind and execute of one statement are three lines
	my (%of, @server);
	while ($log =~ /\[(\d+)\] tally_reader LOG:  duration: ([\d.]+) ms  (parse|bind|execute) <unnamed>: SELECT tally\.query/g)
	{
		$of{$1} += $2;
		push @server, delete $of{$1} if $3 eq 'execute';
	}
	return (Bench::median(@responder) / 1000, Bench::median(@server));
}

my (%rate, @own);
for my $round (1 .. $rounds)
{
	for my $what ([ constant => '/constant' ], [ cached => $query ])
	{
		my ($name, $path) = @$what;
		my $r = $bench->wrk($path, @get);
		push @{ $rate{$name} }, $r->{rate};
		printf "%d %-9s %9.0f requests/s  p99 %.2f ms\n", $round, $name,
			$r->{rate}, $r->{p99};
	}
	my ($ours, $theirs) = uncached($round);
	push @own, $ours - $theirs;
	printf "%d uncached  p50 of %d: %.2f ms in the responder, of which the"
		. " statement %.2f ms\n", $round, $UNCACHED, $ours, $theirs;
}

# Every minute of a week: a few megabytes an answer.
my $large = 0;
for my $n (1 .. $LARGE)
{
	my $r = $tally->http('GET', "$base/queries/count?event_collection=c"
		. "&timeframe=this_7_days&interval=minutely&timezone=$n",
		key => $p->{read_key});
	$large += length $r->{content} if $r->{status} == 200;
}
printf "large answers: %.1f MB in %d\n", $large / 1024 / 1024, $LARGE;

my %m = map { $_ => Bench::median(@{ $rate{$_} }) } keys %rate;
$bench->goal('cached query / constant', $m{cached} / $m{constant}, '>=', 0.6);
$bench->goal("a responder's own cost, p50 of uncached queries, ms",
	Bench::median(@own), '<=', 1);
$bench->finish;
