# Bench.pm
#     What the benchmarks of the responders share: a Tally of its own with a
#     responder beside it that does nothing, a load, medians, and goals.
#
#     use Bench;
#     my $bench = Bench->new(write => { }, read => { });
#     my $r = $bench->wrk('/constant', connections => 32, seconds => 5);
#     $bench->goal('cached / constant', $ratio, '>=', 0.6);
#     $bench->finish;
#
# PG_CONFIG says which server; the extension must be installed in it, and
# "make" have been run. wrk is Debian's package.
package Bench;

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);

my $here = abs_path(dirname(__FILE__));
use lib abs_path(dirname(__FILE__)) . '/../../t/lib',
	abs_path(dirname(__FILE__)) . '/../../../fcgi/t/lib';

use Faults;
use TallyTest;
use IO::Handle;
use POSIX ();
use Time::HiRes qw(sleep time);

# new(%opt) -- all of it runs, and tally-write knows the keys.
#   conf => text     for the server, whose syncs are real
#   write => {}      settings of tally-write
#   read => {}       settings of tally-read, which else does not run
sub new
{
	my ($class, %opt) = @_;
	my $tally = TallyTest->new(name => 'bench');
	my $dir = $tally->dir;
	my $self = bless { tally => $tally, goals => [], programs => ['write'] },
		$class;

	$| = 1;
	$tally->start_postgres(conf => "fsync = on\nshared_buffers = 256MB\n"
		. "max_wal_size = 4GB\n" . ($opt{conf} // ''));
	$self->{project} = $tally->create_project('bench');
	$self->{faults} = Faults->new($tally, 'write');
	$self->{faults}->around(sub {
		$tally->start_write(key_refresh_ms => 1000, spool_reserve_mb => 256,
			spool_max_mb => 4096, %{ $opt{write} // {} }) });
	if ($opt{read})
	{
		$tally->start_read(key_refresh_ms => 1000, %{ $opt{read} });
		push @{ $self->{programs} }, 'read';
	}
	$self->start_constant;
	my $base = "/3.0/projects/$self->{project}{project}";
	$self->{base} = $base;
	$tally->wait_until('the keys', sub { $tally->http('POST', "$base/events/k",
			key => $self->{project}{write_key}, json => {})->{status} == 201 });
	$self->{lua} = $self->write_lua;
	$self->{at_rest} = { map { $_ => $self->memory($_)->{VmRSS} }
		@{ $self->{programs} } };
	return $self;
}

# start_constant -- const_responder.c, and nginx before it and the others,
# without limits and logs, which would be measured too.
sub start_constant
{
	my ($self) = @_;
	my $tally = $self->{tally};
	my $dir = $tally->dir;

	system('cc', '-O2', '-o', "$dir/bin/const_responder",
		"$here/../const_responder.c", '-lfcgi', '-lpthread') == 0
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
}

# write_lua -- the events that wrk posts. No two bodies are the same: those
# that come again are not stored again.
#   BULK   so many events a request, else one
#   RATE   requests a second of each of wrk's threads, else all it can
#   SENT   every event carries the time at which it was sent
sub write_lua
{
	my ($self) = @_;
	my $lua = $self->{tally}->dir . '/post.lua';
	open my $fh, '>', $lua or die "$lua: $!\n";
	print $fh <<'LUA';
local ffi = require("ffi")
ffi.cdef [[ struct bench_time { long s; long ns; };
  int clock_gettime(int clock, struct bench_time *t); ]]
local t = ffi.new("struct bench_time")
local function now()
  ffi.C.clock_gettime(0, t)
  return tonumber(t.s) + tonumber(t.ns) / 1e9
end
local event = '{"page":"/products/tea/earl-grey","browser":"Firefox",' ..
  '"load_ms":183,"new":true,"keen":{"timestamp":"2024-03-01T09:30:00.000Z"},' ..
  '"user":{"id":"u-4711","country":"CZ"},"note":"' .. string.rep("x", 25) .. '"}'
wrk.method = "POST"
wrk.headers["Authorization"] = os.getenv("BENCH_KEY")
wrk.headers["Content-Type"] = "application/json"
local rest, open = event:sub(2), '{'
local bulk = tonumber(os.getenv("BULK") or 1)
if bulk > 1 then
  local events = {}
  for i = 1, bulk - 1 do events[i] = event end
  rest = rest .. ',' .. table.concat(events, ",") .. ']}'
  open = '{"bulk":[{'
end
local threads = 0
function setup(thread)
  thread:set("id", threads)
  threads = threads + 1
end
local n = os.time() * 1000000
local sent = os.getenv("SENT")
local function mark()
  n = n + 1
  local text = '"t":' .. id .. ',"n":' .. string.format("%d", n) .. ','
  if sent then text = text .. string.format('"sent":%.6f,', now()) end
  return text
end
-- All bodies are equally long, so they have the same head; wrk.format() would
-- copy each of them twice more, beside what is measured.
local head
function init(args)
  local body = open .. mark() .. rest
  head = wrk.format(nil, nil, nil, body):sub(1, -#body - 1) .. open
end
function request()
  return head .. mark() .. rest
end
-- Of one schedule a thread; who is late sends at once.
local rate = tonumber(os.getenv("RATE"))
if rate then
  local due = now()
  function delay()
    local at = now()
    due = math.max(due + 1 / rate, at - 0.05)
    return math.max(0, math.floor((due - at) * 1000 + 0.5))
  end
end
LUA
	close $fh;
	return $lua;
}

sub ms_of
{
	my ($text) = @_;
	my ($number, $unit) = $text =~ /^([\d.]+)(us|ms|s|m)$/ or return;
	return $number * { us => 0.001, ms => 1, s => 1000, m => 60_000 }->{$unit};
}

# wrk(path, %opt) -- {rate, p50, p99, requests, bad}: a second, milliseconds.
#   connections => n, seconds => n
#   post => 1    events, with env => { BULK, RATE, SENT }, see write_lua()
#   key => text  else: of the requests
#   url, script  another program's, and what is posted to it
sub wrk
{
	my ($self, $path, %opt) = @_;
	local %ENV = (%ENV, %{ $opt{env} // {} },
		BENCH_KEY => $self->{project}{write_key});
	my @command = ('wrk', '-t', 2, '-c', $opt{connections},
		'-d', "$opt{seconds}s", '--timeout', '10s', '--latency');
	push @command, '-s', $opt{script} // $self->{lua}
		if $opt{post} || $opt{script};
	push @command, '-H', "Authorization: $opt{key}" if $opt{key};
	open my $pipe, '-|', @command, ($opt{url} // $self->{tally}->url) . $path
		or die "wrk: $! (it is a package)\n";
	my $out = do { local $/; <$pipe> };
	close $pipe;
	my ($rate) = $out =~ m{Requests/sec:\s+([\d.]+)} or die "wrk said:\n$out";
	my ($requests) = $out =~ /(\d+) requests in/;
	my ($bad) = $out =~ /Non-2xx or 3xx responses: (\d+)/;
	die "$bad answers of $requests were no success\n"
		if $bad && $bad > 0.01 * $requests;
	print "# $bad answers of $requests were no success\n" if $bad;
	print "# $1\n" if $out =~ /(Socket errors:.*)/;
	my %p = $out =~ /\b(50|99)%\s+(\S+)/g;
	return { rate => $rate, requests => $requests, bad => $bad // 0,
		p50 => ms_of($p{50}), p99 => ms_of($p{99}) };
}

# disk_probe -- a process that writes and syncs 8 kB all the time, beside the
# spool; the function that it gives ends it: (median, p99, most), milliseconds.
# What the disk does by itself says how far the other figures may be trusted.
sub disk_probe
{
	my ($self) = @_;
	my $file = $self->{tally}->dir . '/probe';
	my $pid = open(my $pipe, '-|') // die "fork: $!\n";
	if ($pid == 0)
	{
		my ($on, @took) = (1);
		local $SIG{TERM} = sub { $on = 0 };
		open my $fh, '>', $file or POSIX::_exit(1);
		while ($on)
		{
			my $began = time;
			sysseek $fh, 0, 0;
			syswrite $fh, 'x' x 8192;
			$fh->sync;
			push @took, 1000 * (time - $began);
			sleep 0.01;
		}
		my @sorted = sort { $a <=> $b } @took;
		syswrite STDOUT, join ' ', map { $sorted[ $_ * $#sorted ] }
			0.5, 0.99, 1;
		POSIX::_exit(0);
	}
	return sub { kill 'TERM', $pid; my $line = <$pipe>; close $pipe;
		return split / /, $line // '0 0 0' };
}

# cpu_us(name) -- processor time that a process has used.
sub cpu_us
{
	my ($self, $name) = @_;
	open my $stat, '<', '/proc/' . $self->{tally}->pid($name) . '/stat'
		or return 0;
	my @field = split ' ', <$stat>;
	return ($field[13] + $field[14]) * 10_000;
}

# memory(name) -- {VmRSS, VmHWM} of a process in MB.
sub memory
{
	my ($self, $name) = @_;
	open my $status, '<', '/proc/' . $self->{tally}->pid($name) . '/status'
		or die "no $name runs\n";
	return { map { /^(VmRSS|VmHWM):\s+(\d+)/ ? ($1, $2 / 1024) : () }
		<$status> };
}

# count(name, labels) -- one of tally-write's counters.
sub count
{
	my ($self, $name, $labels) = @_;
	my $text = $self->{tally}->http('GET', '/metrics/write')->{content};
	my ($n) = $text =~ /^tally_\Q$name\E\{[^}]*\Q$labels\E[^}]*\} (\d+)/m
		or die "no $name in:\n$text\n";
	return $n;
}

# stored -- events that are in the database since tally-write was started.
sub stored
{
	my ($self) = @_;
	return $self->count('drain_events_total', 'result="stored"');
}

# waiting -- events that are acknowledged, but not in the database.
sub waiting
{
	my ($self) = @_;
	return $self->count('ingest_events_total', 'result="accepted"')
		- $self->stored;
}

sub wait_until_drained
{
	my ($self) = @_;
	$self->{tally}->wait_until('the drain', sub { $self->waiting == 0 }, 120);
}

sub median
{
	my @sorted = sort { $a <=> $b } @_;
	return @sorted % 2 ? $sorted[ $#sorted / 2 ]
		: ($sorted[ $#sorted / 2 ] + $sorted[ @sorted / 2 ]) / 2;
}

# goal(what, value, '>=' or '<=', limit, format) -- a line of the last table.
sub goal
{
	my ($self, $what, $value, $op, $limit, $format) = @_;
	my $met = $op eq '>=' ? $value >= $limit : $value <= $limit;
	$format //= '%.2f';
	push @{ $self->{goals} }, sprintf "%-58s %10s  %s %-10s %s\n", $what,
		sprintf($format, $value), $op, sprintf($format, $limit),
		$met ? 'met' : 'MISSED';
}

# finish -- memory, the table of goals, the end: 1 when one was missed. The
# table is added to the file BENCH_GOALS too, for who runs several benchmarks.
sub finish
{
	my ($self) = @_;

	for my $name (@{ $self->{programs} })
	{
		$self->goal("memory of tally-$name at rest, MB",
			$self->{at_rest}{$name}, '<=', 64, '%.0f');
		$self->goal("memory of tally-$name at most in this run, MB",
			$self->memory($name)->{VmHWM}, '<=', 256, '%.0f');
	}
	print "\n", @{ $self->{goals} };
	if ($ENV{BENCH_GOALS})
	{
		open my $fh, '>>', $ENV{BENCH_GOALS} or die "$ENV{BENCH_GOALS}: $!\n";
		print $fh @{ $self->{goals} };
	}
	$self->{tally}->stop;
	# A goal that was missed is no failure whose logs would help.
	$self->{tally}{no_logs} = 1;
	exit(scalar(grep { /MISSED$/ } @{ $self->{goals} }) ? 1 : 0);
}

1;
