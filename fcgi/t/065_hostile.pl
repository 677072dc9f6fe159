# Clients that mean harm, or know no better: slow senders and readers, endless
# and absurd requests, random ones, hang-ups.  Over nginx nothing of it does
# harm: who behaves is answered meanwhile, and afterwards both programs live, as
# large as before, with no connection more.
#
# At the FastCGI sockets, which only nginx may open, the same holds for nearly
# everything; but libfcgi ends the program when it is told absurd lengths, and
# takes parameters without end.  Of that it is asked here what is promised: the
# program is started again (by systemd, here by the test), nothing that was
# acknowledged is lost, and the other program goes on.
#
# TALLY_SEED repeats a run; TALLY_LONG_FAULTS makes the random parts long.  All of
# it is done to the programs in build/asan too (make installcheck makes them).
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../../deploy/t/lib";

use File::Copy qw(copy);
use IO::Select;
use IO::Socket::INET;
use List::Util qw(max);
use POSIX qw(SIGABRT);
use Records;
use Socket qw(SO_RCVBUF);
use TallySeed qw(seed);
use TallyTest;
use Test::More;
use Time::HiRes qw(sleep time);

# What "endless" sends at most, and the memory that there is for it.
use constant { ENDLESS => 200 << 20, MEMORY => 64 << 20 };

my $seconds = $ENV{TALLY_LONG_FAULTS} ? 60 : 4;
srand seed('hostile clients');
$SIG{PIPE} = 'IGNORE';

my ($tally, $p, $base, $queries, $posted, %settings, %ended);

#-----------------------------------------------------------------------------
# Requests that are right
#-----------------------------------------------------------------------------

sub good_write
{
	return request('POST', "$base/hostile", $p->{write_key}, '{"by":"hostile"}');
}
sub good_read
{
	return request('GET', "$queries/count?event_collection=good"
		. '&timeframe=today', $p->{read_key}, '');
}

#-----------------------------------------------------------------------------
# Who behaves
#-----------------------------------------------------------------------------

my ($asked, $wrong, $longest) = (0, 0, 0);

sub post
{
	return $tally->http('POST', "$base/good", key => $p->{write_key},
		json => { n => ++$posted });
}
sub ask
{
	return $tally->http('GET', "$queries/count?event_collection=good"
		. '&timeframe=today', key => $p->{read_key});
}

# behave -- an event and a query over nginx, both right.
sub behave
{
	my $begin = time;
	my $r = post();
	$wrong++, diag("event: $r->{status}") if $r->{status} != 201;
	$r = ask();
	$wrong++, diag("query: $r->{status} $r->{content}") if $r->{status} != 200;
	$asked += 2;
	$longest = max($longest, time - $begin);
	return;
}

# meanwhile(title, code) -- what was asked since the last time was answered
sub meanwhile
{
	my ($title, $code) = @_;
	($asked, $wrong, $longest) = (0, 0, 0);
	$code->();
	behave();
	is($wrong, 0, "$title: $asked requests beside it are answered");
	cmp_ok($longest, '<', 4, "$title: without waiting long")
		or diag("$longest s");
	note(sprintf '%s: the longest pair took %.0f ms', $title, 1000 * $longest);
	ok($tally->is_running('write') && $tally->is_running('read'),
		"$title: both programs live");
	return;
}

sub footprint
{
	my ($name) = @_;
	my $pid = $tally->pid($name);
	open my $fh, '<', "/proc/$pid/status" or die $!;
	my %kb = join('', <$fh>) =~ /^Vm(RSS|Data):\s+(\d+)/mg;
	my @fds = glob "/proc/$pid/fd/*";
	return { rss => $kb{RSS}, data => $kb{Data}, fds => scalar @fds };
}

#-----------------------------------------------------------------------------
# Over nginx
#-----------------------------------------------------------------------------

sub slow_clients
{
	my $head = "HTTP/1.1\r\nHost: x\r\nAuthorization: $p->{write_key}\r\n";
	# another key: nginx lets each have eight queries at a time
	my $read = "HTTP/1.1\r\nHost: x\r\n"
		. "Authorization: $p->{master_key}\r\n\r\n";
	my @slow;
	for my $n (1 .. 120)
	{
		my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$tally->{port}",
			Sockopts => [ [ SO_RCVBUF, 2048 ] ]) or next;
		$s->blocking(0);
		syswrite $s, $n % 3 == 0    # a body that never ends
			? "POST $base/slow ${head}Content-Length: 100000\r\n\r\n{\"a\":\""
			: $n % 3 == 1           # a head that never ends
			? "POST $base/slow ${head}X-Endless: "
			: "GET $queries/count?event_collection=many&group_by=user"
			. "&timeframe=today&timezone=$n $read";
		push @slow, $s;
	}
	for my $round (1 .. 15)
	{
		for my $n (0 .. $#slow)
		{
			syswrite $slow[$n], 'x' unless ($n + 1) % 3 == 2;
		}
		behave();
		# some have had enough of it
		close splice @slow, rand @slow, 1 for 1 .. 2;
		sleep 0.05;
	}
	close $_ for @slow;
	return;
}

# http(request line, body, headers...) -- as text
sub http
{
	my ($line, $body, @headers) = @_;
	return join("\r\n", "$line HTTP/1.1", 'Host: x', 'Connection: close',
		"Authorization: $p->{write_key}", @headers, '', '') . $body;
}

sub absurd_http
{
	my $post = "POST $base/hostile";
	my @long = map { "X-$_: " . 'x' x 7000 } 1 .. 4;
	return (
		[ 'nothing', '' ], [ 'noise', "\x16\x03\x01\x02\0\x01" x 50 ],
		[ 'HTTP 0.9', "GET /health/live\r\n" ],
		[ 'headers of 28 kB', http($post, 'no', 'Content-Length: 2', @long) ],
		[ 'a thousand headers', http($post, 'no', 'Content-Length: 2',
				map { "X-$_: y" } 1 .. 1000) ],
		[ 'a header of 60 kB', http($post, '', 'X: ' . 'x' x 60_000) ],
		[ 'a key of 7 kB', http($post, '{}', 'Content-Length: 2',
				'Authorization: ' . 'k' x 7000) ],
		[ 'a URI of 7 kB', http("GET /" . '%41' x 2300, '') ],
		[ 'a URI with NUL', http("POST $base/a%00b", '{}',
				'Content-Length: 2') ],
		[ 'a method that is none', http("BREW $base/hostile", '') ],
		[ 'a body cut short', http($post, '{"a":', 'Content-Length: 100') ],
		[ 'a length that is none', http($post, '{}', 'Content-Length: -2') ],
		[ 'two lengths', http($post, '{}', 'Content-Length: 2',
				'Content-Length: 9') ],
		[ 'a broken chunk', http($post, "2\r\n{}\r\nzz\r\n",
				'Transfer-Encoding: chunked') ],
		[ 'chunks cut short', http($post, "ffff\r\n{\"a\":",
				'Transfer-Encoding: chunked') ],
		[ 'gzip that is none', http($post, '{}', 'Content-Length: 2',
				'Content-Encoding: gzip') ]);
}

# over_http(bytes) -- what nginx says to them when nothing more comes.
sub over_http
{
	my ($bytes) = @_;
	my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$tally->{port}")
		or return '';
	$s->blocking(0);
	send_all($s, $bytes);
	shutdown $s, 1;
	return answer($s, 3);
}

sub random_http
{
	my ($end, $n) = (time + $seconds, 0);
	while (time < $end)
	{
		my $bytes = http("POST $base/hostile", '{"by":"hostile"}',
			'Content-Length: 16', 'X-Odd: ' . 'x' x rand 40);
		for (1 .. 1 + rand 3)
		{
			my $at = int rand length $bytes;
			substr($bytes, $at, rand 3) = rand() < 0.5
				? chr rand 256 : substr $bytes, rand $at, rand 60;
		}
		over_http($bytes);
		behave() if ++$n % 25 == 0;
	}
	note("$n random requests over nginx");
	cmp_ok($n, '>', 20, 'random requests were sent to nginx');
	return;
}

#-----------------------------------------------------------------------------
# At the sockets
#-----------------------------------------------------------------------------

# harmful -- what libfcgi may answer with the end of the program: whether a
# 2 GB buffer can be had is the machine's business.
sub harmful
{
	my $values = join '', map { pair($_, '') }
		('FCGI_MAX_CONNS', 'FCGI_MAX_REQS') x 20;
	return (
		[ 'lengths of 2 GB', join '', begin(),
			record(PARAMS, pack('NN', 0xffffffff, 0xffffffff) . 'x' x 100) ],
		[ 'lengths that overflow', join '', begin(),
			record(PARAMS, pack('NN', 0xfffffff0, 0x80000020) . 'x' x 100),
			record(PARAMS, '') ],
		[ 'the same values asked for again and again',
			record(GET_VALUES, $values, 0) ]);
}

sub absurd
{
	my @whole = good_write();
	my $long = 'x' x 60_000;
	return (
		[ 'nothing', '' ], [ 'text', "GET / HTTP/1.0\r\n\r\n" ],
		[ 'half a header', substr $whole[0], 0, 5 ],
		[ 'another version', "\2" . substr join('', @whole), 1 ],
		[ 'another role', record(BEGIN_REQUEST, pack 'nCx5', 3, 0) ],
		[ 'no beginning', join '', @whole[ 1 .. $#whole ] ],
		[ 'two beginnings', join '', begin(), @whole ],
		[ 'an abort', join '', @whole[ 0, 1 ], record(ABORT, '') ],
		[ 'a pair cut short', join '', begin(), record(PARAMS, "\x05"),
			record(PARAMS, ''), record(BODY, '') ],
		[ 'a parameter of 1 MB', join '', begin(), record(PARAMS,
				pack('CN', 1, 0x80000000 | 1 << 20) . 'A'),
			map({ record(PARAMS, $long) } 1 .. 17), record(PARAMS, '') ],
		[ 'a hundred thousand parameters', join '', begin(),
			map({ record(PARAMS, join '', map { pair("P$_", '') } 1 .. 5000) }
				1 .. 20), record(PARAMS, ''), record(BODY, '') ],
		[ 'a length that lies', join '', request('POST', "$base/hostile",
				$p->{write_key}, '{}', CONTENT_LENGTH => 100) ],
		[ 'a length that is none', join '', request('POST', "$base/hostile",
				$p->{write_key}, '{}', CONTENT_LENGTH => '-1e9') ],
		[ 'a length beyond all', join '', request('POST', "$base/hostile",
				$p->{write_key}, '{}', CONTENT_LENGTH => '9' x 40) ],
		[ 'a URI of 60 kB', join '', request('GET', "/$long", '', '') ],
		[ 'a key of 60 kB', join '', request('POST', "$base/hostile", $long,
				'{}') ]);
}

# endless -- records of one type until the other side has had enough; how much
# it took.
sub endless
{
	my ($socket, $type) = @_;
	my $s = dial($socket) or return 0;
	my $part = record($type, $type == PARAMS ? pair('A', 'x' x 60_000)
		: 'x' x 60_000);
	my ($sent, $end) = (0, time + 5);
	my @whole = good_write();
	send_all($s, join '', $type == BODY ? @whole[ 0 .. 2 ] : begin());
	while (time < $end && $sent < ENDLESS)
	{
		last unless send_all($s, $part);
		$sent += length $part;
		last if IO::Select->new($s)->can_read(0)
			&& !length answer($s, 0.01);
	}
	return $sent;
}

# mutate -- a good request's records with something done to them.
sub mutate
{
	my @records = rand() < 0.5 ? good_write() : good_read();
	for (1 .. 1 + rand 3)
	{
		my $n = int rand @records;
		my $what = int rand 6;
		if ($what == 0) { splice @records, $n, 1 if @records > 1 }
		elsif ($what == 1) { splice @records, $n, 0, $records[$n] }
		elsif ($what == 2) { @records[ 0, $n ] = @records[ $n, 0 ] }
		elsif ($what == 3)
		{
			splice @records, $n, 0,
				record(int rand 14, join '', map { chr rand 256 } 1 .. rand 300);
		}
		elsif (length $records[$n])
		{
			# a few bytes; the headers' lengths are the most promising
			my $at = int rand($what == 4 ? 8 : length $records[$n]);
			substr($records[$n], $at, 1) = chr rand 256
				if $at < length $records[$n];
		}
	}
	my $bytes = join '', @records;
	return rand() < 0.2 ? substr $bytes, 0, rand length $bytes : $bytes;
}

sub random_requests
{
	my ($end, $n, $answered) = (time + $seconds, 0, 0);
	my @open;
	while (time < $end)
	{
		my $name = rand() < 0.5 ? 'write' : 'read';
		my $s = dial($settings{$name}{listen});
		if (!$s)
		{
			revive($name);
			next;
		}
		send_all($s, mutate());
		# four at most at a time hold a thread
		push @open, $s;
		if (@open > 4)
		{
			my $old = shift @open;
			$answered++ if rand() < 0.7 && length answer($old, 0.02);
		}
		next if ++$n % 25;
		# Which of them ends the program, ends it before somebody behaves.
		@open = ();
		sleep 0.05;
		revive($_) for qw(write read);
		behave();
	}
	revive($_) for qw(write read);
	note("$n random requests, $answered answers seen");
	cmp_ok($n, '>', 50, 'random requests were sent');
	return;
}

sub start
{
	my $begin = "start_$_[0]";
	return $tally->$begin(%{ $settings{ $_[0] } });
}

# revive(name) -- what systemd does: when it does not answer because it has
# ended, it is started again.  One that neither answers nor ends hangs.
sub revive
{
	my ($name) = @_;
	for my $try (1 .. 3)
	{
		my $s = dial($settings{$name}{listen}) or last;
		send_all($s, join '', request('GET', '/health/live', '', ''));
		return 1 if answer($s, 10) =~ /Status: 200/;
	}
	if (!$tally->wait_for_exit($name, 10))
	{
		fail("tally-$name neither answers nor ends");
		return 0;
	}
	my $signal = $tally->exit_status($name) & 127;
	$ended{$signal}++;
	is($signal, SIGABRT, "tally-$name was ended by libfcgi's abort()");
	start($name);
	return 1;
}

# other_goes_on(name) -- a request to the other program, over nginx.
sub other_goes_on
{
	my ($name, $title) = @_;
	my $r = $name eq 'read' ? post() : ask();
	like($r->{status}, qr/^20[01]$/, "$title to tally-$name: the other goes on");
	return;
}

sub begin_all
{
	my ($kind, $programs) = @_;
	$tally = TallyTest->new(name => "hostile-$kind");
	for my $program (qw(tally-write tally-read))
	{
		next unless $programs;
		copy("$programs/$program", $tally->dir . "/bin/$program") or die $!;
		chmod 0755, $tally->dir . "/bin/$program";
	}
	$tally->start_postgres;
	$p = $tally->create_project('hostile');
	$base = "/3.0/projects/$p->{project}/events";
	$queries = "/3.0/projects/$p->{project}/queries";
	$posted = 0;
	my %both = (key_refresh_ms => 200, threads => 8);
	%settings = (
		write => { %both, listen => $tally->write_socket,
			key_file => $tally->dir . '/run/keys-write',
			spool_reserve_mb => 0 },
		read => { %both, listen => $tally->read_socket,
			key_file => $tally->dir . '/run/keys-read', key_slots => 8 });
	start($_) for qw(write read);
	$tally->start_nginx;
	$tally->wait_until('the keys', sub {
		$tally->http('POST', $base, key => $p->{write_key},
			json => { many => [ map { { user => "user number $_" } }
					1 .. 5000 ] })->{status} == 200 });
	$tally->wait_for_events(5000);
	$tally->wait_until('a query', sub { $tally->http('GET', "$queries/count"
			. '?event_collection=many&timeframe=today',
		key => $p->{read_key})->{status} == 200 });
	post();
	$tally->wait_for_events(5001);
	return;
}

sub over_nginx
{
	my ($kind) = @_;
	meanwhile("$kind: slow clients of nginx", \&slow_clients);
	meanwhile("$kind: absurd requests to nginx", sub {
		for my $case (absurd_http())
		{
			unlike(over_http($case->[1]), qr/ 20[01] /, "$kind: $case->[0]")
				if $case->[0] ne 'HTTP 0.9';
			behave();
		}
	});
	meanwhile("$kind: random requests to nginx", \&random_http);
	return;
}

sub at_the_sockets
{
	my ($kind) = @_;
	my @sockets = map { $settings{$_}{listen} } qw(write read);
	meanwhile("$kind: absurd requests", sub {
		for my $case (absurd())
		{
			for my $socket (@sockets)
			{
				my $s = dial($socket) or die "$case->[0]: nobody listens\n";
				send_all($s, $case->[1]);
				shutdown $s, 1;
				my $in = answer($s, 3);
				# stored is only what was asked for rightly
				unlike($in, qr/Status: 20[01]/, "$kind: $case->[0]")
					if $case->[0] !~ /^two/;
			}
			behave();
		}
	});
	meanwhile("$kind: endless bodies", sub {
		for my $socket (@sockets)
		{
			my $sent = endless($socket, BODY);
			cmp_ok($sent, '<', ENDLESS,
				"$kind: an end after " . ($sent >> 10) . ' kB');
			behave();
		}
	});
	meanwhile("$kind: senders and readers at the sockets that stop", sub {
		my @stopped;
		for my $socket (@sockets)
		{
			my $s = dial($socket);
			send_all($s, join '', (good_write())[ 0, 1 ]);
			push @stopped, $s;
		}
		my $s = dial($sockets[1]);    # never reads its 300 kB
		send_all($s, join '', request('GET', "$queries/count?event_collection="
			. 'many&group_by=user&timeframe=today', $p->{read_key}, ''));
		push @stopped, $s;
		my $end = time + 3;
		while (time < $end) { behave(); sleep 0.1 }
		# these leave before they have an answer
		for (1 .. 40)
		{
			my $t = dial($sockets[ rand 2 ]) or next;
			send_all($t, join '', rand() < 0.5 ? good_write() : good_read());
			close $t;
		}
	});
	return;
}

# flat -- after all that has no right to end a program.
sub flat
{
	my ($kind, $before, $pid, $programs) = @_;
	for my $name (qw(write read))
	{
		my $a = $before->{$name};
		my $b;
		is($tally->pid($name), $pid->{$name}, "$kind: the same tally-$name");
		ok(eval { $tally->wait_until('connections to close', sub {
			($b = footprint($name))->{fds} <= $a->{fds} + 2 }, 10) },
			"$kind: the descriptors of $name are flat ($a->{fds}, $b->{fds})");
		cmp_ok($b->{rss}, '<', $a->{rss} * 1.2 + 8192, "$kind: the memory of"
				. " $name is flat ($a->{rss} kB, $b->{rss} kB)")
			unless $programs;    # ASan keeps what was freed
	}
	return;
}

# what_ends_it -- at the sockets, what libfcgi does not stand.
sub what_ends_it
{
	my ($kind, $programs) = @_;
	%ended = ();
	meanwhile("$kind: what may end a program", sub {
		for my $case (harmful())
		{
			for my $name (qw(write read))
			{
				my $s = dial($settings{$name}{listen})
					or die "$case->[0]: nobody listens\n";
				send_all($s, $case->[1]);
				shutdown $s, 1;
				unlike(answer($s, 3), qr/Status: 20[01]/, "$kind: $case->[0]");
				other_goes_on($name, "$kind: $case->[0]");
				revive($name);
				behave();
			}
		}
	});
	# ASan's own memory has no such limit.
	meanwhile("$kind: endless parameters", sub {
		for my $name (qw(write read))
		{
			my $pid = $tally->pid($name);
			$tally->run_as_user('prlimit', "--pid=$pid",
				'--data=' . (MEMORY + 1024 * footprint($name)->{data}));
			my $sent = endless($settings{$name}{listen}, PARAMS);
			cmp_ok($sent, '<', ENDLESS,
				"$kind: an end after " . ($sent >> 10) . ' kB');
			other_goes_on($name, "$kind: endless parameters");
			revive($name);
			isnt($tally->pid($name), $pid, "$kind: another tally-$name")
				if $sent > 2 * MEMORY;
			behave();
		}
	}) unless $programs;
	meanwhile("$kind: random requests", \&random_requests);
	note("$kind: ended by signals: "
		. join ', ', map { "$_: $ended{$_} times" } sort keys %ended);
	return;
}

sub all_of_it
{
	my ($kind, $programs) = @_;
	begin_all($kind, $programs);
	my %pid = map { $_ => $tally->pid($_) } qw(write read);
	# all of it once: buffers and caches are then as large as they become
	slow_clients();
	behave() for 1 .. 20;
	my %before = map { $_ => footprint($_) } qw(write read);

	over_nginx($kind);
	at_the_sockets($kind);
	flat($kind, \%before, \%pid, $programs);
	what_ends_it($kind, $programs);

	ok(eval { $tally->wait_until('the events that were acknowledged', sub {
		$tally->psql(<<'SQL') eq "$posted|$posted" }) },
SELECT count(*), count(DISTINCT properties -> 'n') FROM tally_store.event
JOIN tally_store.collection USING (collection_id) WHERE name = 'good'
SQL
		"$kind: all $posted events of those who behaved are stored, once");
	ok($tally->stop_read && $tally->stop_write, "$kind: both end when told to");
	is($tally->exit_status($_), 0, "$kind: $_ ends well") for qw(read write);
	unlike($tally->log_text($_),
		qr/Sanitizer(?! failed to allocate)|runtime error/,
		"$kind: nothing was found in $_") for qw(read write);
	$tally->stop;
	return;
}

all_of_it('plain');
my $asan = "$FindBin::Bin/../build/asan";
SKIP: {
	skip 'of the sanitized programs ("make installcheck" builds them)', 1
		unless -x "$asan/tally-write" && -x "$asan/tally-read";
	# No memory is libfcgi's business there too, not ASan's.
	local $ENV{ASAN_OPTIONS} =
		'quarantine_size_mb=16:allocator_may_return_null=1';
	all_of_it('sanitized', $asan);
}
done_testing();
