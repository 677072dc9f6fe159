#!/usr/bin/env perl
# The write path: what is left of a responder's speed when every event is
# checked and on disk before it is answered?
#
#   deploy/bench/ingest.pl [seconds] [rounds] [single|bulk|slow]
#
# Starts a Tally of its own (PG_CONFIG says which server; the extension must be
# installed in it, and "make" have been run), and compares, in turn in every
# round, with wrk (Debian package "wrk"):
#
#   constant   const_responder.c behind the same nginx, 32 connections
#   single     an event of 200 bytes a request, 32 connections
#   bulk       1,000 of them a request, 8 connections
#   slow       as single, 128 connections, 2 ms added to every sync, against
#              as many connections to the constant
#
# BENCH_SETTINGS changes tally-write's settings ("threads=4,log_requests=on"),
# BENCH_DRAIN=off does not wait for the database between the measurements.
#
# nginx, wrk, the responder and PostgreSQL share the machine, and other loads
# come and go: read the ratios, which are of the medians of all rounds.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../t/lib", "$FindBin::Bin/../../fcgi/t/lib";

use Faults;
use TallyTest;
use Test::More;
use Time::HiRes qw(sleep time);

$| = 1;
my $seconds = shift // 5;
my $rounds = shift // 3;
my $only = shift // 'single|bulk|slow';
my $drain = ($ENV{BENCH_DRAIN} // 'on') ne 'off';

my $tally = TallyTest->new(name => 'bench');
my $dir = $tally->dir;
$tally->start_postgres(conf => "fsync = on\nshared_buffers = 256MB\n"
	. "max_wal_size = 4GB\n");
my $p = $tally->create_project('bench');
my $faults = Faults->new($tally, 'write');
$faults->around(sub {
	$tally->start_write(key_refresh_ms => 1000, spool_reserve_mb => 256,
		spool_max_mb => 4096, split /[=,]/, $ENV{BENCH_SETTINGS} // '') });

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
	s{access_log .*}{access_log off;};
	s{^(\s*server_tokens off;)}{$1 access_log off;}m;
});
my $base = "/3.0/projects/$p->{project}/events";
$tally->wait_until('the keys', sub { $tally->http('POST', $base,
		key => $p->{write_key}, json => {})->{status} == 200 });

my $lua = "$dir/post.lua";
open my $fh, '>', $lua or die "$lua: $!\n";
print $fh <<"LUA";
local event = '{"page":"/products/tea/earl-grey","browser":"Firefox",' ..
  '"load_ms":183,"new":true,"keen":{"timestamp":"2024-03-01T09:30:00.000Z"},' ..
  '"user":{"id":"u-4711","country":"CZ"},"note":"' .. string.rep("x", 25) .. '"}'
wrk.method = "POST"
wrk.headers["Authorization"] = "$p->{write_key}"
wrk.headers["Content-Type"] = "application/json"
local rest, open = event:sub(2), '{'
if os.getenv("BULK") then
  local events = {}
  for i = 1, 999 do events[i] = event end
  rest = rest .. ',' .. table.concat(events, ",") .. ']}'
  open = '{"bulk":[{'
end
-- No two bodies are the same: those that come again are not stored again.
local threads = 0
function setup(thread)
  thread:set("id", threads)
  threads = threads + 1
end
local n = os.time() * 1000000
function request()
  n = n + 1
  return wrk.format(nil, nil, nil, open .. '"t":' .. id .. ',"n":' ..
    string.format("%d", n) .. ',' .. rest)
end
LUA
close $fh;

# cpu_us(name) -- processor time that a process has used.
sub cpu_us
{
	my ($name) = @_;
	open my $stat, '<', '/proc/' . $tally->pid($name) . '/stat' or return 0;
	my @field = split ' ', <$stat>;
	return ($field[13] + $field[14]) * 10_000;
}

# measure(process, connections, path) -- (requests/s, p99 text, µs a request)
sub measure
{
	my ($name, $connections, $path, %env) = @_;
	local %ENV = (%ENV, %env);
	my $before = cpu_us($name);
	my $out = qx(wrk -t 2 -c $connections -d ${seconds}s --latency -s $lua @{[
		$tally->url]}$path);
	my ($rate) = $out =~ m{Requests/sec:\s+([\d.]+)}
		or die "wrk said:\n$out";
	my ($p99) = $out =~ /99%\s+(\S+)/;
	my ($requests) = $out =~ /(\d+) requests in/;
	my ($bad) = $out =~ /Non-2xx or 3xx responses: (\d+)/;
	print "# $bad answers of $requests were no success\n" if $bad;
	return ($rate, $p99, (cpu_us($name) - $before) / $requests);
}

sub median { my @s = sort { $a <=> $b } @_; return $s[ $#s / 2 ] }

sub stored { return $tally->psql('SELECT count(*) FROM tally_store.event') }

# drained -- until the database has all of it; events a second.
sub drained
{
	my ($from, $since) = (stored(), time);
	my $last = $from;
	while (1)
	{
		sleep 1;
		my $now = stored();
		last if $now == $last;
		$last = $now;
	}
	my $took = time - $since - 1;
	return $took > 0.5 ? ($last - $from) / $took : 0;
}

my (%rate, @drain);
for my $round (1 .. $rounds)
{
	for my $what (
		[ constant => 'constant', 32, '/constant' ],
		[ single => 'write', 32, "$base/single" ],
		[ bulk => 'write', 8, $base, BULK => 1 ],
		[ constant128 => 'constant', 128, '/constant' ],
		[ slow => 'write', 128, "$base/slow" ])
	{
		my ($name, @how) = @$what;
		next unless $name =~ /^(?:constant|$only)$/
			|| ($name eq 'constant128' && 'slow' =~ /$only/);
		$faults->set(sync_us => $name eq 'slow' ? 2000 : 0);
		my ($rate, $p99, $us) = measure(@how);
		push @{ $rate{$name} }, $rate;
		printf "%d %-11s %9.0f requests/s  p99 %-8s %6.1f us a request\n",
			$round, $name, $rate, $p99, $us;
		push @drain, drained() if $name eq 'bulk' && $drain;
		drained() if $name =~ /single|slow/ && $drain;
	}
}

if ($rate{single})
{
	printf "single / constant    %.2f\n",
		median(@{ $rate{single} }) / median(@{ $rate{constant} });
	printf "single               %.0f events/s acknowledged on disk\n",
		median(@{ $rate{single} });
}
printf "slow / constant      %.2f, 128 connections, syncs of 2 ms and more\n",
	median(@{ $rate{slow} }) / median(@{ $rate{constant128} }) if $rate{slow};
printf "bulk                 %.0f events/s acknowledged on disk\n",
	1000 * median(@{ $rate{bulk} }) if $rate{bulk};
printf "drain                %.0f events/s, nothing beside it\n",
	median(@drain) if @drain;
for my $name (qw(write constant))
{
	open my $status, '<', '/proc/' . $tally->pid($name) . '/status' or next;
	my %kb = map { /^(VmRSS|VmHWM):\s+(\d+)/ ? ($1, $2) : () } <$status>;
	printf "memory of %-10s %d kB now, %d kB at most\n", $name, $kb{VmRSS},
		$kb{VmHWM};
}
$tally->stop_write;
print grep { /event=counts/ } map { "$_\n" } split /\n/,
	$tally->log_text('write');
ok(1, 'measured');
done_testing();
