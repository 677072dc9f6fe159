# What tally-read does when something around it fails: the database away,
# stalled or slow, all slots taken, the client gone, and its own end.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../../deploy/t/lib";

use IO::Socket::INET;
use IO::Socket::UNIX;
use IPC::Run ();
use Records;
use Standin;
use TallyTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $tally = TallyTest->new(name => 'faults');
my $p = Standin::start($tally);
my %settings = (
	connections => 2, threads => 8, slot_wait_ms => 600,
	statement_timeout_ms => 1500, query_deadline_ms => 3000,
	connect_timeout_ms => 500, key_refresh_ms => 200,
	key_file => $tally->dir . '/run/keys');
$tally->start_read(%settings);
# The limits of nginx are not what is tested here.
$tally->start_nginx(edit => sub { s/^\s*limit_(conn|req) .*\n| max_conns=\d+//mg });
my $base = "/3.0/projects/$p->{project}/queries";
$tally->wait_until('the keys',
	sub { $tally->http('GET', $base, key => $p->{read_key})->{status} != 503 });

# Every question is another one here, or it would have the answer of the last.
my $questions = 0;
sub echo
{
	my (%opt) = @_;
	return $tally->query($p, 'echo', { question => ++$questions }, %opt);
}
sub get_echo
{
	return $tally->http('GET', "$base/echo?question=" . ++$questions,
		key => $p->{read_key});
}

# timed(code) -- its result, and how long it took in seconds.
sub timed
{
	my ($code) = @_;
	my $begin = time;
	my $result = $code->();
	return ($result, time - $begin);
}

# fastest() -- likewise, the best of some queries, five at least and more while
# none was fast: what the machine does beside this test is not what is measured.  (By GET: a POST of HTTP::Tiny is two
# packets, and the second waits 40 ms for the kernel.)
sub fastest
{
	my $code = \&get_echo;
	my @best = timed($code);
	for (2 .. 40)
	{
		last if $_ > 5 && $best[1] < 0.01;
		my @now = timed($code);
		@best = @now if $now[1] < $best[1];
	}
	return @best;
}

# between(value, low, high, title)
sub between
{
	my ($value, $low, $high, $title) = @_;
	ok($value >= $low && $value <= $high, $title)
		or diag("$value is not between $low and $high");
	return;
}

# ask_aside(seconds, n) -- n queries that sleep, each on a connection of its
# own; the sockets.  Returns once they run.
sub ask_aside
{
	my ($seconds, $n) = @_;
	my @sockets = map {
		my $body = "{\"seconds\": $seconds, \"question\": " . ++$questions . '}';
		my $s = IO::Socket::INET->new(
			PeerAddr => '127.0.0.1:' . $tally->{port}) or die $!;
		print $s "POST $base/sleep HTTP/1.1\r\nHost: x\r\n",
			"Authorization: $p->{read_key}\r\nConnection: close\r\n",
			'Content-Length: ', length $body, "\r\n\r\n$body";
		$s->flush;
		$s;
	} 1 .. $n;
	$tally->wait_until("$n queries",
		sub { Standin::queries_running($tally) == $n });
	return @sockets;
}

sub rest_of
{
	my ($socket) = @_;
	local $/;
	return scalar(<$socket>) // '';
}

#-----------------------------------------------------------------------------
# Too slow
#-----------------------------------------------------------------------------

my ($r, $s) = timed(sub { $tally->query($p, 'sleep', { seconds => 20 }) });
is($r->{status}, 504, 'a statement over its timeout is a 504');
is($r->{json}{error_code}, 'QueryTimeoutError', 'with its code');
between($s, 1.3, 2.9, 'at the time of the timeout, before the deadline');
is(Standin::queries_running($tally), 0, 'and the server works on it no more');

#-----------------------------------------------------------------------------
# The client gone
#-----------------------------------------------------------------------------

# left(seconds, most) -- two queries, and their clients leave: how long both
# went on; the best of three, where the machine was slow.
sub left
{
	my ($seconds, $most) = @_;
	my $best;
	for (1 .. 3)
	{
		my @sockets = ask_aside($seconds, 2);
		close $_ for @sockets;
		my (undef, $took) = timed(sub {
			$tally->wait_until('the end of both',
				sub { Standin::queries_running($tally) == 0 });
			1;
		});
		$best = $took if !defined $best || $took < $best;
		last if $best < $most;
	}
	return $best;
}
{
	$s = left(1.4, 1.3);
	# (the statements themselves would have ended by their timeout, at 1.5 s)
	between($s, 0, 1.3, 'a client that leaves ends its query');
}
$tally->stop_read;
$tally->start_read(%settings, statement_timeout_ms => 20_000,
	query_deadline_ms => 21_000);
{
	$s = left(15, 2);
	between($s, 0, 2, 'however long it had been allowed: free in 2 s');
	is(echo()->{status}, 200, 'its slot is free');
}
$tally->stop_read;
$tally->start_read(%settings);

# ... also in the middle of an answer, a gigabyte if it went on.
{
	my $socket = IO::Socket::INET->new(
		PeerAddr => '127.0.0.1:' . $tally->{port}) or die $!;
	my $body = '{"pieces": 1000000}';
	print $socket "POST $base/big HTTP/1.1\r\nHost: x\r\n",
		"Authorization: $p->{read_key}\r\n",
		'Content-Length: ', length $body, "\r\n\r\n$body";
	$socket->flush;
	sysread $socket, my $part, 100_000;
	like($part, qr{^HTTP/1.1 200}, 'an answer has begun');
	is(Standin::queries_running($tally), 1, 'and goes on');
	close $socket;
	($r, $s) = timed(sub {
		$tally->wait_until('its end',
			sub { Standin::queries_running($tally) == 0 });
		1;
	});
	between($s, 0, 2, 'the client leaves: free in 2 s');
}

# A reader that does not read: what nginx does not take off our hands waits,
# but not for ever.
{
	my $socket = IO::Socket::INET->new(
		PeerAddr => '127.0.0.1:' . $tally->{port}) or die $!;
	my $body = '{"pieces": 1000000}';
	print $socket "POST $base/big HTTP/1.1\r\nHost: x\r\n",
		"Authorization: $p->{read_key}\r\n",
		'Content-Length: ', length $body, "\r\n\r\n$body";
	$socket->flush;
	$tally->wait_until('the query',
		sub { Standin::queries_running($tally) == 1 });
	($r, $s) = timed(sub {
		$tally->wait_until('its end',
			sub { Standin::queries_running($tally) == 0 });
		1;
	});
	# two writes may wait 5 s each: one for part of its bytes, one for none
	between($s, 0, 11, 'a client that does not read keeps no slot');
}

#-----------------------------------------------------------------------------
# All slots taken
#-----------------------------------------------------------------------------

{
	my @sockets = ask_aside(1.3, 2);
	my ($first, $second) = map { ask_one() } 1 .. 2;

	# one place in the queue: the first waits its time, the second not at all
	($r, $s) = timed(sub { echo() });
	is($r->{status}, 503, 'a third one beyond the queue is refused');
	like($r->{headers}{'retry-after'}, qr/^\d+$/, 'with Retry-After');
	between($s, 0, 0.55, 'without its wait for a slot');
	is($tally->http('GET', '/health/query/live')->{status}, 200,
		'while all wait, somebody answers the health check');
	my @late = map { rest_of($_) } $first, $second;
	is(scalar(grep { m{^HTTP/1.1 503} } @late), 2,
		'nobody waits longer than slot_wait_ms');
	is(scalar(grep { /slept/ } map { rest_of($_) } @sockets), 2,
		'and those who had a slot are answered');
}

sub ask_one
{
	my $s = IO::Socket::INET->new(
		PeerAddr => '127.0.0.1:' . $tally->{port}) or die $!;
	print $s "GET $base/echo?question=", ++$questions, " HTTP/1.1\r\nHost: x\r\n",
		"Authorization: $p->{read_key}\r\nConnection: close\r\n\r\n";
	$s->flush;
	sleep 0.05;
	return $s;
}

#-----------------------------------------------------------------------------
# The database stopped, stalled, away
#-----------------------------------------------------------------------------

# A stalled server sends nothing and closes nothing: only our clock can end it.
is(echo()->{status}, 200, 'a connection is open');
$tally->stall_database;
($r, $s) = timed(sub { echo() });
is($r->{status}, 504, 'a stalled server: the query is given up');
between($s, 2.3, 6, 'at the deadline: a stalled server would say nothing for ever');
for (1 .. 4)
{
	($r, $s) = timed(sub { echo() });
	last if $r->{status} == 503 && $s < 0.05;
}
is($r->{status}, 503, 'then no connection can be made');
($r, $s) = fastest();
is($r->{status}, 503, 'and after some failures none is tried');
between($s, 0, 0.01, 'which is said at once');
like($r->{headers}{'retry-after'}, qr/^[1-9]\d*$/, 'with Retry-After');
is($r->{json}{error_code}, 'ServiceUnavailableError', 'as JSON');
$r = $tally->http('GET', '/health/query/ready');
is($r->{status}, 503, 'not ready');
is_deeply($r->{json}{checks}{'database:reachable'}[0]{affectedEndpoints},
	[ '/3.0/projects/{id}/queries/{analysis}' ], '... for queries');
is($r->{json}{checks}{'keys:age'}[0]{affectedEndpoints}, undef,
	'... while the keys are well');
is($tally->http('GET', '/health/query/live')->{status}, 200, 'but live');

# Keys come from the snapshot all the while.
is(echo(key => 'F' x 64)->{status}, 401,
	'a wrong key is still a wrong key');

$tally->resume_database;
($r, $s) = timed(sub {
	$tally->wait_until('an answer',
		sub { echo()->{status} == 200 });
	1;
});
between($s, 0, 6, 'it is back soon after the server is');

# However long it was away, since somebody looks for it all the while: after
# eight seconds the heartbeat's connection, too, was given up and is being made
# again and again.
$tally->stall_database;
$tally->wait_until('silence',
	sub { $tally->http('GET', '/health/query/ready')->{status} == 503 }, 10);
sleep 8;
($r, $s) = fastest();
is($r->{status}, 503, 'still away');
between($s, 0, 0.01, 'and said at once');
$tally->resume_database;
($r, $s) = timed(sub {
	$tally->wait_until('an answer',
		sub { echo()->{status} == 200 });
	1;
});
between($s, 0, 5, 'also after a long time it is back at once');

$tally->stop_postgres;
echo() for 1 .. 4;
($r, $s) = fastest();
is($r->{status}, 503, 'the server stopped: 503');
between($s, 0, 0.01, 'at once');
unlike($r->{content}, qr/socket|refused|run/, 'without what libpq said');

# A responder that starts now has its keys from the file.
$tally->stop_read;
is((stat $tally->dir . '/run/keys')[2] & 07777, 0600, 'the file is private');
open my $fh, '<', $tally->dir . '/run/keys' or die $!;
unlike(join('', <$fh>), qr/$p->{read_key}/i, 'and holds no key');
close $fh;
$tally->start_read(%settings);
is($tally->http('GET', $base, key => $p->{read_key})->{status}, 200,
	'a right key is known without the database');
is($tally->http('GET', $base, key => $p->{write_key})->{status}, 401,
	'and so is a wrong one');

$tally->start_postgres;
$tally->wait_until('an answer',
	sub { echo()->{status} == 200 });
pass('and answers when it comes');

# A server that goes down while it works on a query.
{
	my ($socket) = ask_aside(10, 1);
	$tally->psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
			. " WHERE application_name = 'tally-read'");
	like(rest_of($socket), qr{^HTTP/1\.1 503}, 'a lost backend is a 503');
	is(echo()->{status}, 200,
		'and the idle ones that were lost are not used');
}

# Another extension than the one this program was written for.
$tally->psql('CREATE OR REPLACE FUNCTION tally.contract_version() RETURNS int'
		. " LANGUAGE sql AS 'SELECT 2'");
$tally->stop_read;
$tally->start_read(%settings);
is(echo()->{status}, 503, 'another contract: refused');
like($tally->log_text('read'), qr/contract version 2, this program has 1/,
	'and the log says why');
$tally->psql('CREATE OR REPLACE FUNCTION tally.contract_version() RETURNS int'
		. " LANGUAGE sql AS 'SELECT 1'");
$tally->wait_until('an answer',
	sub { echo()->{status} == 200 });

#-----------------------------------------------------------------------------
# A peer on the socket that is not nginx
#-----------------------------------------------------------------------------

{
	my @silent = map {
		IO::Socket::UNIX->new(Peer => $tally->read_socket) or die $!
	} 1 .. 16;
	($r, $s) = timed(sub { echo() });
	is($r->{status}, 200, 'silent peers hold every thread');
	between($s, 0, 1.5, 'but not for long');
	close $_ for @silent;

	# half a request, and no end: one of them for each thread
	my @half = map {
		my $socket = IO::Socket::UNIX->new(Peer => $tally->read_socket)
			or die $!;
		syswrite $socket, "\1\1\0\1\0\x08\0\0\0\1\0\0\0\0\0\0\1\4\0\1";
		$socket
	} 1 .. 8;
	($r, $s) = timed(sub { echo() });
	is($r->{status}, 200, 'so do those that say half a request');
	between($s, 0, 3.5, '... for two seconds');
	close $_ for @half;

	# a beginning of a request, then nothing; and bytes that are none
	srand 42;
	for my $bytes (
		"\1\1\0\1\0\x08\0\0\0\1\0\0\0\0\0\0\1\4\0\1\xff\xff\0\0",
		map { join '', map { chr int rand 256 } 1 .. 500 } 1 .. 20)
	{
		my $socket = IO::Socket::UNIX->new(Peer => $tally->read_socket)
			or die $!;
		local $SIG{PIPE} = 'IGNORE';
		print $socket $bytes;
		close $socket;
	}
	is(echo()->{status}, 200,
		'nonsense on the socket ends nothing');
}

# Half a body, then nothing: no fault of what was asked, so no 400, after which a
# client would not ask again.  Nor when the program is stopped and goes on, which
# ends its wait at once.
for my $stopped (0, 1)
{
	my $socket = dial($tally->read_socket) or die $!;
	my $bytes = join '', request('POST',
		"/3.0/projects/$p->{project}/queries/echo", $p->{read_key},
		'{"q": "' . 'x' x 1000 . '"}');
	send_all($socket, substr $bytes, 0, -500);
	if ($stopped)
	{
		sleep 0.3;
		$tally->signal('read', 'STOP');
		sleep 0.1;
		$tally->signal('read', 'CONT');
	}
	like(answer($socket, 60), qr/Status: 503 .*"ServiceUnavailableError"/s,
		'half a body' . ($stopped ? ', then stopped for a moment' : ''));
}

# A reader that takes nothing is given up, and is not waited for once more to
# mark that its answer is not whole.
{
	my $before = length $tally->log_text('read');
	my $socket = dial($tally->read_socket) or die $!;
	send_all($socket, join '', request('POST',
		"/3.0/projects/$p->{project}/queries/big", $p->{read_key},
		'{"pieces": 5000}'));
	my ($m1, $s1, $m2, $s2);
	$tally->wait_until('the end of the answer', sub {
		($m1, $s1, $m2, $s2) = substr($tally->log_text('read'), $before) =~
			/:(\d+):([\d.]+)Z \N*event=answer_broken_off.*?
			 :(\d+):([\d.]+)Z \N*event=request\N*broken=true/sx });
	between((60 * $m2 + $s2 - 60 * $m1 - $s1 + 3600) % 3600, 0, 4,
		'who takes nothing holds no thread once given up');
}

#-----------------------------------------------------------------------------
# The end
#-----------------------------------------------------------------------------

{
	my ($socket) = ask_aside(1, 1);
	my $begin = time;
	$tally->signal('read', 'TERM');
	like(rest_of($socket), qr/slept/, 'on SIGTERM a query is still answered');
	ok($tally->wait_for_exit('read', 3), 'then the program ends');
	is($tally->exit_status('read'), 0, 'with status 0');
	ok(!-e $tally->read_socket, 'and its socket is gone');
}
$tally->start_read(%settings);

# Connections that nginx has made and nobody has accepted yet are served too:
# eight of them wait while the program is held, then it is told to end.
{
	$tally->signal('read', 'STOP');
	my @sockets = map { ask_one() } 1 .. 8;
	sleep 0.3;
	$tally->signal('read', 'TERM');
	$tally->signal('read', 'CONT');
	# "the service is ..." is how nginx says that nobody answered
	my @other = grep { !m{^HTTP/1.1 (200|503)} || /service is/ }
		map { rest_of($_) } @sockets;
	is("@other", '', 'who was queued when SIGTERM came is answered');
	ok($tally->wait_for_exit('read', 3), 'before the end');
}

$tally->start_read(%settings);
($r, $s) = timed(sub {
	$tally->signal('read', 'TERM');
	$tally->wait_for_exit('read', 5);
});
ok($r, 'an idle one ends');
between($s, 0, 1, 'within a second');

# One socket, one program; and what a killed one left is no hindrance.
$tally->start_read(%settings);
my ($out, $err) = ('', '');
ok( !IPC::Run::run(
		[   "$FindBin::Bin/../tally-read",
			'--listen=' . $tally->read_socket ],
		'>', \$out, '2>', \$err),
	'a second program does not take the socket');
like($err, qr/cannot listen on .*in use/, 'and says so');
$tally->kill_process('read');
ok(-e $tally->read_socket, 'kill -9 leaves the socket');
$tally->start_read(%settings);
is(echo()->{status}, 200, 'the next one takes it over');

ok( !IPC::Run::run([ "$FindBin::Bin/../tally-read", '--listen=127.0.0.1:9000' ],
		'>', \$out, '2>', \$err),
	'TCP is refused');
like($err, qr/absolute path of a unix socket/, 'with the reason');

done_testing();
