# What tally-read remembers of queries: their answers, their failures, and
# those that did harm; and who may have how much at a time.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../../deploy/t/lib";

use IO::Socket::INET;
use Standin;
use TallyTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $tally = TallyTest->new(name => 'cache');
my $p = Standin::start($tally);
my $other = Standin::project($tally, 'fedcba9876543210fedcba98');
my %settings = (
	connections => 4, key_slots => 3, slot_wait_ms => 600,
	statement_timeout_ms => 3000, query_deadline_ms => 5000,
	connect_timeout_ms => 500, key_refresh_ms => 200,
	cache_fresh_min_ms => 1500, cache_fresh_ms => 3000,
	cache_stale_ms => 60_000, quarantine_ms => 8000, cache_answer_kb => 64,
	cache_mb => 1);
$tally->start_read(%settings);
# The limits of nginx are not what is tested here.
$tally->start_nginx(edit => sub { s/^\s*limit_(conn|req) .*\n| max_conns=\d+//mg });
# No answer is given for longer without a word, however dear it was: s.
my $FRESH = 3.4;
my $base = "/3.0/projects/$p->{project}/queries";

sub wait_for_keys
{
	$tally->wait_until('the keys',
		sub { $tally->http('GET', $base, key => $p->{read_key})->{status} == 200 });
}
wait_for_keys();

# restart_read(changed settings)
sub restart_read
{
	$tally->stop_read;
	$tally->start_read(%settings, @_);
	wait_for_keys();
}

# new_ones() -- how many statements there were since the last time.
my $seen = 0;
sub new_ones
{
	my $now = Standin::queries_begun($tally);
	my $n = $now - $seen;
	$seen = $now;
	return $n;
}

sub metrics
{
	my $text = $tally->http('GET', '/metrics/read')->{content};
	return { $text =~ /^(\S+) (\S+)$/mg };
}

# begin(path, body, project) -- a request whose answer is read later.
sub begin
{
	my ($path, $body, $who) = @_;
	$who //= $p;
	my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . $tally->{port})
		or die $!;
	print $s "POST /3.0/projects/$who->{project}/queries/$path HTTP/1.1\r\n",
		"Host: x\r\nAuthorization: $who->{read_key}\r\nConnection: close\r\n",
		'Content-Length: ', length $body, "\r\n\r\n$body";
	$s->flush;
	return $s;
}

# rest(socket...) -- statuses of the answers.
sub rest
{
	local $/;
	return map { my $text = readline($_) // ''; $text =~ m{^HTTP/1.1 (\d+)} ? $1 : 0 } @_;
}

#-----------------------------------------------------------------------------
# The same question
#-----------------------------------------------------------------------------

my $r = $tally->query($p, 'echo', { a => 1, b => [ 1, 2 ] });
is($r->{status}, 200, 'a query');
is($r->{headers}{age}, undef, 'has no age');
is(new_ones(), 1, 'is computed');
$r = $tally->http('POST', "$base/echo", key => $p->{read_key},
	body => '{ "b" : [1 , 2],  "a":1 }');
is($r->{status}, 200, 'the same in other words');
is($r->{headers}{age}, 0, 'has one');
is(new_ones(), 0, 'as it is not computed again');
$r = $tally->http('GET', "$base/echo?x=1&y=2", key => $p->{read_key});
my $get = $tally->http('GET', "$base/echo?y=2&x=1&api_key=$p->{master_key}");
is_deeply($get->{json}, $r->{json}, 'the same in another order');
is(new_ones(), 1, 'with another key of the project: the same');

is($tally->query($p, 'echo', { a => 1, b => [ 2, 1 ] })->{status}, 200,
	'another order of a list');
is(new_ones(), 1, 'is another question');
is($tally->query($other, 'echo', { a => 1, b => [ 1, 2 ] })->{json}{project},
	$other->{project}, 'and so is one of another project');
is(new_ones(), 1, 'which is computed');
ok($tally->http('POST', "$base/echo?pretty=true", key => $p->{read_key},
		body => '{"a":1,"b":[1,2]}')->{json}{pretty},
	'another form of the answer');
is(new_ones(), 1, 'is made for itself');

$tally->wait_until('a new answer', sub {
	$tally->query($p, 'echo', { a => 1, b => [ 1, 2 ] });
	new_ones() == 1 });
pass('after its time it is computed again');
is($tally->http('HEAD', "$base/echo?x=1&y=2", key => $p->{read_key})->{status},
	200, 'HEAD of what is kept');

#-----------------------------------------------------------------------------
# Many at once
#-----------------------------------------------------------------------------

new_ones();
{
	my @sockets = map { begin('sleep', '{"seconds": 0.5}') } 1 .. 50;
	my @status = rest(@sockets);
	is(scalar(grep { $_ == 200 } @status), 50, 'fifty ask the same: answered');
	is(new_ones(), 1, 'by one computation');
	my $m = metrics();
	ok($m->{'tally_singleflight_shared_total'} >= 49, 'which is counted');
}

# More than are waited for at a time: while the program gets no processor, or
# everybody returns at once, they wait to be accepted.  A socket that takes no
# more of them is a 502.
{
	$tally->query($p, 'echo', { q => 'crowd' });
	$tally->signal('read', 'STOP');
	my @sockets = map { begin('echo', '{"q": "crowd"}') } 1 .. 300;
	# nginx has passed on the last of them when it also sees the next
	$tally->http('GET', '/nothing') for 1 .. 3;
	$tally->signal('read', 'CONT');
	my %status;
	$status{$_}++ for rest(@sockets);
	is_deeply(\%status, { 200 => 300 },
		'300 come while it stands still: all are answered')
		or diag(explain(\%status), $tally->log_text('nginx'));
	new_ones();
}

# ... and its failure
{
	my @sockets = map {
		begin('sleep_error', '{"seconds": 0.3, "sqlstate": "22023",'
				. ' "message": "no such thing"}')
	} 1 .. 20;
	my @status = rest(@sockets);
	is(scalar(grep { $_ == 400 } @status), 20, 'twenty share a failure');
	is(new_ones(), 1, 'of one computation');
}

# The one who asked first leaves: the others have their answer all the same.
{
	my ($first) = begin('sleep', '{"seconds": 0.6, "q": "leaves"}');
	sleep 0.1;
	my @others = map { begin('sleep', '{"seconds": 0.6, "q": "leaves"}') } 1 .. 3;
	sleep 0.1;
	close $first;
	is_deeply([ rest(@others) ], [ 200, 200, 200 ],
		'the first one leaves: the others are answered');
	is(new_ones(), 1, 'by the computation that was under way');
}

# All leave: it ends, by a cancel, long before its own time.
{
	restart_read(statement_timeout_ms => 25_000, query_deadline_ms => 28_000);
	my $took;
	# 2 s are promised; a machine that stands still is given another chance
	for my $time (1 .. 3)
	{
		my $before = length $tally->log_text('postgres');
		my @all = map { begin('sleep', "{\"seconds\": 20, \"q\": $time}") } 1 .. 3;
		$tally->wait_until('it to run',
			sub { Standin::queries_running($tally) == 1 });
		close $_ for @all;
		my $left = time;
		$tally->wait_until('its end',
			sub { Standin::queries_running($tally) == 0 });
		my ($at) = substr($tally->log_text('postgres'), $before)
			=~ /^\S+ (\S+) UTC .*canceling statement due to user request/m;
		ok(defined $at, 'all leave: it is cancelled') or last;
		my ($h, $m, $s) = split /:/, $at;
		$took = $h * 3600 + $m * 60 + $s - $left;
		$took += 86_400 * sprintf '%.0f', -$took / 86_400;
		last if $took < 2;
	}
	cmp_ok($took // 99, '<', 2, 'within 2 s');
	note(sprintf 'within %.3f s', $took // 99);
	restart_read();
}

# Too large to be kept: each is sent one of its own.
new_ones();
{
	my @sockets = map { begin('big', '{"pieces": 200, "pause": 0.1}') } 1 .. 3;
	is_deeply([ rest(@sockets) ], [ 200, 200, 200 ], 'a large answer: all have it');
	is(new_ones(), 3, 'each its own');
	is(length $tally->query($p, 'big', { pieces => 200, pause => 0.1 })->{content},
		200_000, 'and it is whole');
	ok(metrics()->{tally_cache_bytes} < 1_000_000, 'it is not kept');
}

#-----------------------------------------------------------------------------
# Shares
#-----------------------------------------------------------------------------

{
	my @sockets = map { begin('sleep', "{\"seconds\": 2.5, \"q\": $_}") } 1 .. 3;
	$tally->wait_until('three to run',
		sub { Standin::queries_running($tally) == 3 });
	$r = $tally->query($p, 'echo', { q => 'over' });
	is($r->{status}, 429, 'a key has three slots of four');
	is($r->{json}{error_code}, 'TooManyRequestsError', 'and is told so');
	like($r->{headers}{'retry-after'}, qr/^[1-9]/, 'with Retry-After');
	is($tally->query($other, 'echo', { q => 1 })->{status}, 200,
		'the fourth is for another key');
	is_deeply([ rest(@sockets) ], [ 200, 200, 200 ], 'the three are answered');
	is($tally->query($p, 'echo', { q => 'again' })->{status}, 200,
		'and it may again');
}

#-----------------------------------------------------------------------------
# The query of death
#-----------------------------------------------------------------------------

{
	my @death = ('sleep', { seconds => 30 });
	new_ones();
	$r = $tally->query($p, @death);
	is($r->{status}, 504, 'a query takes all its time');
	sleep 1.1;
	my $begin = time;
	my @again = map { $tally->query($p, @death) } 1 .. 5;
	cmp_ok(time - $begin, '<', 3, 'it is refused at once');
	is(scalar(grep { $_->{status} == 429 } @again), 5, 'five times with 429');
	is($again[0]{json}{error_code}, 'QueryQuarantinedError', 'with its code');
	like($again[0]{json}{message}, qr/took too long/, 'and the reason');
	like($again[0]{headers}{'retry-after'}, qr/^(?:[1-9]|1[0-4])$/,
		'until it may again, and a little more');
	is($tally->http('POST', "$base/sleep?pretty=true", key => $p->{read_key},
			body => '{"seconds":30}')->{status}, 429, 'in any form');
	is(new_ones(), 1, 'the database met it once');
	is($tally->query($p, 'sleep', { seconds => 0.01 })->{status}, 200,
		'another query is another query');
	my $m = metrics();
	is($m->{'tally_shed_total{reason="quarantine"}'}, 6, 'counted');
	is($m->{tally_quarantine_queries}, 1, 'one is in it');
	$tally->wait_until('the end of its time',
		sub { metrics()->{tally_quarantine_queries} == 0 });
	is($tally->query($p, @death)->{status}, 504, 'then it may try again');
}

# A query whose connection breaks, twice.
{
	my @lost = ('sleep', { seconds => 2.5, q => 'lost' });
	for my $time (1, 2)
	{
		my ($socket) = begin('sleep', '{"seconds": 2.5, "q": "lost"}');
		$tally->wait_until('it to run',
			sub { Standin::queries_running($tally) == 1 });
		my $pid = $tally->psql("SELECT pid FROM pg_stat_activity"
				. " WHERE application_name = 'tally-read' AND state = 'active'");
		kill 'KILL', $pid;
		is_deeply([ rest($socket) ], [503], "its server dies, $time: 503");
		$tally->wait_until('an answer', sub {
			$tally->query($p, 'echo', { q => rand })->{status} == 200 });
		sleep 1.1;    # the failure is the answer for a moment
	}
	$r = $tally->query($p, @lost);
	is($r->{status}, 429, 'then it is refused');
	like($r->{json}{message}, qr/lost its connections/, 'with the reason');
}

#-----------------------------------------------------------------------------
# Older answers instead of errors
#-----------------------------------------------------------------------------

$tally->query($p, 'echo', { q => 'old' });
my $old = $tally->query($p, 'echo', { q => 'old' })->{content};
sleep $FRESH;
$tally->stall_database;
{
	my $begin = time;
	$r = $tally->query($p, 'echo', { q => 'old' });
	is($r->{status}, 200, 'the database stands still: an older answer');
	is($r->{content}, $old, 'as it was');
	like($r->{headers}{age}, qr/^\d+$/, 'with its age');
	like($r->{headers}{warning}, qr/^110 .*stale/i, 'and a warning');
	cmp_ok(time - $begin, '<', 7, 'by the deadline');
	$begin = time;
	my @again = map { $tally->query($p, 'echo', { q => 'old' }) } 1 .. 10;
	is(scalar(grep { $_->{status} == 200 } @again), 10, 'and again');
	cmp_ok(time - $begin, '<', 2, 'at once');
}
$tally->resume_database;
$tally->wait_until('a new answer', sub {
	!defined $tally->query($p, 'echo', { q => 'old' })->{headers}{warning} });
pass('then a new one');
$tally->stop_postgres;
sleep $FRESH;
{
	my $begin = time;
	$r = $tally->query($p, 'echo', { q => 'old' });
	is($r->{status}, 200, 'the server stopped: an older answer');
	cmp_ok(time - $begin, '<', 2, 'at once');
	is($tally->query($p, 'echo', { q => 'none' })->{status}, 503,
		'where there is none, 503');
	cmp_ok(metrics()->{'tally_cache_requests_total{result="stale"}'}, '>=', 12,
		'the stale ones are counted');
	like($tally->http('GET', '/metrics/read')->{content},
		qr/^tally_cache_stale_seconds_count [1-9]/m, 'and their ages');
}
$tally->start_postgres;
$tally->wait_until('an answer', sub {
	$tally->query($p, 'echo', { q => rand })->{status} == 200 });

#-----------------------------------------------------------------------------
# Memory
#-----------------------------------------------------------------------------

{
	for my $i (1 .. 200)
	{
		$tally->query($p, 'big', { pieces => 50, q => $i });
	}
	my $m = metrics();
	cmp_ok($m->{tally_cache_bytes}, '<=', $m->{tally_cache_max_bytes},
		'10 MB of answers: the cache keeps its size');
	cmp_ok($m->{tally_cache_evicted_total}, '>=', 150, 'what is old goes');
	cmp_ok($m->{tally_resident_memory_bytes}, '<', 64_000_000,
		'and the program stays small');
}

done_testing();
