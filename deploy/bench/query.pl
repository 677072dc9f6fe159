#!/usr/bin/env perl
# The read path: what is left of a responder's speed when the answer is in the
# cache, and what the responder adds to the call of tally.query() when not?
#
#   deploy/bench/query.pl [seconds] [rounds]
#
# Starts a Tally of its own (PG_CONFIG says which server; the extension must be
# installed in it, and "make" have been run), and compares, in turn in every
# round, with wrk (Debian package "wrk"), 32 connections:
#
#   constant   const_responder.c behind the same nginx
#   cached     a query of a small series whose answer is in the cache
#
# Then a small series that is another query each time, one after the other:
# its p50 by the responder's clock, that of the same statement by the server's
# (its log of durations), and the difference, which is the responder's own cost.
#
# nginx, wrk, the responder and PostgreSQL share the machine, and other loads
# come and go: read the ratio, which is of the medians of all rounds.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../t/lib";

use TallyTest;
use Test::More;

$| = 1;
my $seconds = shift // 5;
my $rounds = shift // 3;
my $EVENTS = 1000;
my $UNCACHED = 500;

my $tally = TallyTest->new(name => 'bench');
my $dir = $tally->dir;
$tally->start_postgres(conf => "log_min_duration_statement = 0\n");
my $p = $tally->create_project('bench');
$tally->start_write(key_refresh_ms => 1000);
$tally->start_read(key_refresh_ms => 1000, log_requests => 'false');

system('cc', '-O2', '-o', "$dir/bin/const_responder",
	"$FindBin::Bin/const_responder.c", '-lfcgi', '-lpthread') == 0
	or die "const_responder.c does not compile\n";
$tally->spawn('constant', "$dir/bin/const_responder",
	"$dir/run/constant.sock", 8);
$tally->start_nginx(edit => sub {
	s/limit_(req|conn) [^;]*;//g;
	s{location / }{location = /constant {
		fastcgi_pass unix:$dir/run/constant.sock;
	}
	location / };
});
my $base = "/3.0/projects/$p->{project}";
$tally->wait_until('the keys', sub { $tally->http('POST', "$base/events/c",
		key => $p->{write_key}, json => {})->{status} == 201 });
$tally->http('POST', "$base/events", key => $p->{write_key}, json =>
	{ c => [ map { { n => $_ } } 2 .. $EVENTS ] });
$tally->wait_for_events($EVENTS);

my $query = "$base/queries/count?event_collection=c&timeframe=this_7_days"
	. '&interval=daily';

# measure(path) -- (requests/s, p99 text)
sub measure
{
	my ($path) = @_;
	my $out = qx(wrk -t 2 -c 32 -d ${seconds}s --latency -H "Authorization: $p->{read_key}" "@{[
		$tally->url]}$path");
	my ($rate) = $out =~ m{Requests/sec:\s+([\d.]+)} or die "wrk said:\n$out";
	my ($p99) = $out =~ /99%\s+(\S+)/;
	print "# $1 answers were no success\n"
		if $out =~ /Non-2xx or 3xx responses: (\d+)/;
	return ($rate, $p99);
}

sub median { my @s = sort { $a <=> $b } @_; return $s[ $#s / 2 ] }

my %rate;
for my $round (1 .. $rounds)
{
	for my $what ([ constant => '/constant' ], [ cached => $query ])
	{
		my ($name, $path) = @$what;
		my ($rate, $p99) = measure($path);
		push @{ $rate{$name} }, $rate;
		printf "%d %-9s %9.0f requests/s  p99 %s\n", $round, $name, $rate, $p99;
	}
}
printf "cached / constant: %.2f\n",
	median(@{ $rate{cached} }) / median(@{ $rate{constant} });

# Not cached: the responder's log has its time, the server's log its own.
$tally->stop_read;
$tally->start_read(key_refresh_ms => 60_000, log_requests => 'true');
$tally->wait_until('an answer', sub {
	$tally->http('GET', $query, key => $p->{read_key})->{status} == 200 });
my ($read_log, $pg_log) =
	map { length $tally->log_text($_) } qw(read postgres);
for my $n (1 .. $UNCACHED)
{
	my $r = $tally->http('GET', "$query&timezone=$n", key => $p->{read_key});
	die "no answer: $r->{content}" unless $r->{status} == 200;
}
my @responder = (substr $tally->log_text('read'), $read_log)
	=~ /status=200 us=(\d+)/g;
my %server;
my $log = substr $tally->log_text('postgres'), $pg_log;
# parse, bind and execute of one statement are three lines
my %of;
while ($log =~ /\[(\d+)\] tally_reader LOG:  duration: ([\d.]+) ms  (parse|bind|execute) <unnamed>: SELECT tally\.query/g)
{
	$of{$1} += $2;
	push @{ $server{ms} }, delete $of{$1} if $3 eq 'execute';
}
my ($ours, $theirs) = (median(@responder) / 1000, median(@{ $server{ms} }));
printf "uncached, p50 of %d: %.2f ms in the responder, of which the statement"
	. " %.2f ms: its own cost %.2f ms\n", $UNCACHED, $ours, $theirs,
	$ours - $theirs;
printf "memory: %s\n", join ', ', map { chomp; tr/\t / /sr } grep { /VmRSS|VmHWM/ }
	do { open my $fh, '<', '/proc/' . $tally->pid('read') . '/status' or die; <$fh> };
$tally->stop;
