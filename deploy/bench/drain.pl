#!/usr/bin/env perl
# The way of an event from the spool into the database.
#
#   deploy/bench/drain.pl [rounds] [backlog|visible]
#
# Starts a Tally of its own; see lib/Bench.pm.
#
#   backlog  Three million events wait, as the database was away. In turn, every
#            round: 5,000 POST/s while it is away; the same while it takes the
#            backlog; the rest of the backlog alone. How fast is the drain, and
#            what does it do to those who post?
#   visible  5,000 events a second, one a request, each with the time at which
#            it was sent. A session looks into the table all the time: how much
#            later does it see each of them? None may be missing.
#
# nginx, wrk, tally-write and PostgreSQL share the machine, and other loads
# come and go: read the medians and ratios of several rounds.
# BENCH_SETTINGS changes tally-write's settings ("drain_nice=19").
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Bench;
use Looker;
use Time::HiRes qw(sleep time);

my $rounds = shift // 3;
my $only = shift // 'backlog|visible';
my $RATE = 5000;
my $BACKLOG = 3_000_000;
my $SECONDS = 5;
my $WARM_UP_S = 0.5;

my $bench = Bench->new(
	write => { split /[=,]/, $ENV{BENCH_SETTINGS} // '' });
my $tally = $bench->{tally};

# paced -- wrk at our rate, by 64 connections of two threads.
sub paced
{
	my (%env) = @_;
	return $bench->wrk("$bench->{base}/events/paced", post => 1, connections => 64,
		seconds => $SECONDS, env => { RATE => $RATE / 2, %env });
}

# rate_until(check) -- events a second into the database until check() is true.
sub rate_until
{
	my ($check) = @_;
	my ($from, $since) = ($bench->stored, time);
	sleep 0.02 until $check->();
	return ($bench->stored - $from) / (time - $since);
}

sub fill_backlog
{
	while ($bench->waiting < $BACKLOG)
	{
		$bench->wrk("$bench->{base}/events", post => 1, connections => 4,
			seconds => 1, env => { BULK => 1000 });
	}
}

# beside_posts -- (what paced() gives, events a second meanwhile).
sub beside_posts
{
	my $from = $bench->stored;
	my $began = time;
	my $r = paced();
	return ($r, ($bench->stored - $from) / (time - $began));
}

my (%of);
sub note { my ($what, $value) = @_; push @{ $of{$what} }, $value; return $value }

for my $round (1 .. $rounds)
{
	last unless 'visible' =~ /$only/;
	$bench->wait_until_drained;
	my $before = $bench->stored;
	my $looker = Looker->start($tally);
	my $probe = $bench->disk_probe;
	my $r = paced(SENT => 1);
	my @disk = $probe->();
	$bench->wait_until_drained;
	my $seen = $looker->stop;
	my $new = $bench->stored - $before;
	print "# of $new events $seen->{rows} were seen\n" if $seen->{rows} != $new;
	note(visible => $seen->{rows} == $new ? $seen->{p99} : 1e9);
	printf "%d visible  %5.0f events/s: seen after p50 %4.0f ms, p99 %4.0f ms,"
		. " at most %4.0f ms; a sync beside p50 %.1f, p99 %.0f, at most %.0f\n",
		$round, $r->{rate}, @$seen{qw(p50 p99 most)}, @disk;
}

for my $round (1 .. $rounds)
{
	last unless 'backlog' =~ /$only/;
	$tally->stop_postgres;
	fill_backlog();
	my $quiet = paced();
	note(quiet_p99 => $quiet->{p99});
	my $before = $bench->stored;
	$tally->start_postgres;
	$tally->wait_until('the drain to go on',
		sub { $bench->stored > $before });
	sleep $WARM_UP_S;
	my ($busy, $beside) = beside_posts();
	print "# the backlog was too short\n" if $bench->waiting == 0;
	note(busy_p99 => $busy->{p99});
	note(beside => $beside);
	# The last few are too few to be a backlog.
	note(alone => rate_until(sub { $bench->waiting < 50_000 }));
	$bench->wait_until_drained;
	printf "%d backlog  away: %5.0f POST/s p99 %6.2f ms   drained: %5.0f POST/s"
		. " p99 %6.2f ms   drain %6.0f/s beside, %6.0f/s alone\n", $round,
		$quiet->{rate}, $quiet->{p99}, $busy->{rate}, $busy->{p99}, $beside,
		$of{alone}[-1];
}

sub middle { return Bench::median(@{ $of{ $_[0] } }) }

if ($of{alone})
{
	$bench->goal('drain alone, events/s', middle('alone'), '>=', 100_000,
		'%.0f');
	$bench->goal('drain beside 5,000 POST/s, events/s', middle('beside'), '>=',
		60_000, '%.0f');
	$bench->goal('p99 of those POSTs, drained / away',
		middle('busy_p99') / middle('quiet_p99'), '<=', 3);
}
$bench->goal('visible after, p99 at 5,000 events/s, ms', middle('visible'),
	'<=', 1000, '%.0f') if $of{visible};
$bench->finish;
