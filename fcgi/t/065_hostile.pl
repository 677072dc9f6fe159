# Clients that mean harm, or know no better: slow senders and readers, endless
# and absurd parameters, random records, hang-ups; over nginx and at the
# FastCGI sockets.  Meanwhile who behaves is answered, and afterwards both
# programs live, as large as before, with no connection more.
#
# TALLY_SEED repeats a run; TALLY_LONG_FAULTS makes the random part long.  Where
# build/asan has the programs (make installcheck makes them)
# all of it is done to those as well.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../../deploy/t/lib";

use File::Copy qw(copy);
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use List::Util qw(max);
use Socket qw(SOCK_STREAM SO_RCVBUF);
use TallySeed qw(seed);
use TallyTest;
use Test::More;
use Time::HiRes qw(sleep time);

use constant { BEGIN_REQUEST => 1, ABORT => 2, PARAMS => 4, BODY => 5 };

my $seconds = $ENV{TALLY_LONG_FAULTS} ? 60 : 4;
srand seed('hostile clients');
$SIG{PIPE} = 'IGNORE';

my ($tally, $p, $base, $queries, $posted);

#-----------------------------------------------------------------------------
# FastCGI
#-----------------------------------------------------------------------------

sub record
{
	my ($type, $content, $id) = @_;
	return pack('CCnnCC', 1, $type, $id // 1, length $content, 0, 0) . $content;
}
sub begin { return record(BEGIN_REQUEST, pack('nCx5', 1, 0)) }

# lengths below 128 take a byte, others four
sub pair
{
	my ($name, $value) = @_;
	return join('', map { length $_ < 128 ? chr length $_
				: pack 'N', length($_) | 0x80000000 } $name, $value)
		. $name . $value;
}

# request(method, uri, key, body, %more parameters) -- its records
sub request
{
	my ($method, $uri, $key, $body, %more) = @_;
	my %param = (REQUEST_METHOD => $method, REQUEST_URI => $uri,
		CONTENT_LENGTH => length $body, HTTP_AUTHORIZATION => $key, %more);
	my $params = join '', map { pair($_, $param{$_}) } sort keys %param;
	return (begin(), record(PARAMS, $params), record(PARAMS, ''),
		length $body ? record(BODY, $body) : (), record(BODY, ''));
}
sub good_write
{
	return request('POST', "$base/hostile", $p->{write_key}, '{"by":"hostile"}');
}
sub good_read
{
	return request('GET', "$queries/count?event_collection=good"
		. '&timeframe=today', $p->{read_key}, '');
}

sub dial
{
	my ($socket) = @_;
	my $s = IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $socket)
		or return;
	$s->blocking(0);
	return $s;
}

# send_all -- as far as the other side takes it within a second.
sub send_all
{
	my ($s, $bytes) = @_;
	my $end = time + 1;
	while (length $bytes && time < $end)
	{
		my $n = syswrite $s, $bytes, 65536;
		if (defined $n) { substr($bytes, 0, $n) = ''; next }
		last unless $!{EAGAIN} || $!{EWOULDBLOCK};
		IO::Select->new($s)->can_write(0.05);
	}
	return !length $bytes;
}

# answer -- until the other side closes, or the time is over.
sub answer
{
	my ($s, $wait) = @_;
	my ($in, $end) = ('', time + $wait);
	while (time < $end)
	{
		next unless IO::Select->new($s)->can_read(0.05);
		my $n = sysread $s, $in, 65536, length $in;
		last if defined $n ? $n == 0 : !($!{EAGAIN} || $!{EWOULDBLOCK});
	}
	return $in;
}

#-----------------------------------------------------------------------------
# Who behaves
#-----------------------------------------------------------------------------

my ($asked, $wrong, $longest);

# behave -- an event and a query over nginx, both right.
sub behave
{
	my $begin = time;
	my $r = $tally->http('POST', "$base/good", key => $p->{write_key},
		json => { n => ++$posted });
	$wrong++, diag("event: $r->{status}") if $r->{status} != 201;
	$r = $tally->http('GET', "$queries/count?event_collection=good"
			. '&timeframe=today', key => $p->{read_key});
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
	my ($rss) = join('', <$fh>) =~ /^VmRSS:\s+(\d+)/m;
	my @fds = glob "/proc/$pid/fd/*";
	return { rss => $rss, fds => scalar @fds };
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

#-----------------------------------------------------------------------------
# At the sockets
#-----------------------------------------------------------------------------

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
		[ 'lengths of 2 GB', join '', begin(),
			record(PARAMS, pack('NN', 0xffffffff, 0xffffffff) . 'x' x 100) ],
		[ 'lengths that overflow', join '', begin(),
			record(PARAMS, pack('NN', 0xfffffff0, 0x80000020) . 'x' x 100),
			record(PARAMS, '') ],
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
	while (time < $end && $sent < 200 << 20)
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
		my $s = dial(rand() < 0.5 ? $tally->write_socket : $tally->read_socket)
			or next;
		send_all($s, mutate());
		# four at most at a time hold a thread
		push @open, $s;
		if (@open > 4)
		{
			my $old = shift @open;
			$answered++ if rand() < 0.7 && length answer($old, 0.02);
		}
		behave() if ++$n % 25 == 0;
	}
	note("$n random requests, $answered answers seen");
	cmp_ok($n, '>', 50, 'random requests were sent');
	return;
}

#-----------------------------------------------------------------------------

sub all_of_it
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
	$tally->start_write(key_refresh_ms => 200, spool_reserve_mb => 0,
		threads => 8);
	$tally->start_read(key_refresh_ms => 200, threads => 8, key_slots => 8);
	$tally->start_nginx;
	$tally->wait_until('the keys', sub {
		$tally->http('POST', $base, key => $p->{write_key},
			json => { many => [ map { { user => "user number $_" } }
					1 .. 5000 ] })->{status} == 200 });
	$tally->wait_for_events(5000);
	$tally->wait_until('a query', sub { $tally->http('GET', "$queries/count"
			. '?event_collection=many&timeframe=today',
		key => $p->{read_key})->{status} == 200 });
	$tally->http('POST', "$base/good", key => $p->{write_key},
		json => { n => ++$posted });
	$tally->wait_for_events(5001);

	my %pid = map { $_ => $tally->pid($_) } qw(write read);
	# all of it once: buffers and caches are then as large as they become
	slow_clients();
	behave() for 1 .. 20;
	my %before = map { $_ => footprint($_) } qw(write read);

	meanwhile("$kind: slow clients of nginx", \&slow_clients);
	my @sockets = ($tally->write_socket, $tally->read_socket);
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
	meanwhile("$kind: endless requests", sub {
		for my $socket (@sockets)
		{
			for my $type (PARAMS, BODY)
			{
				my $sent = endless($socket, $type);
				cmp_ok($sent, '<', 200 << 20,
					"$kind: an end after " . ($sent >> 10) . ' kB');
				behave();
			}
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
	meanwhile("$kind: random requests", \&random_requests);

	for my $name (qw(write read))
	{
		my $a = $before{$name};
		my $b;
		is($tally->pid($name), $pid{$name}, "$kind: the same tally-$name");
		ok(eval { $tally->wait_until('connections to close', sub {
			($b = footprint($name))->{fds} <= $a->{fds} + 2 }, 10) },
			"$kind: the descriptors of $name are flat ($a->{fds}, $b->{fds})");
		cmp_ok($b->{rss}, '<', $a->{rss} * 1.2 + 8192, "$kind: the memory of"
				. " $name is flat ($a->{rss} kB, $b->{rss} kB)")
			unless $programs;    # ASan keeps what was freed
	}

	ok(eval { $tally->wait_until('the events that were acknowledged', sub {
		$tally->psql(<<'SQL') eq "$posted|$posted" }) },
SELECT count(*), count(DISTINCT properties -> 'n') FROM tally_store.event
JOIN tally_store.collection USING (collection_id) WHERE name = 'good'
SQL
		"$kind: all $posted events of those who behaved are stored, once");
	ok($tally->stop_read && $tally->stop_write, "$kind: both end when told to");
	is($tally->exit_status($_), 0, "$kind: $_ ends well") for qw(read write);
	unlike($tally->log_text($_), qr/Sanitizer|runtime error/,
		"$kind: nothing was found in $_") for qw(read write);
	$tally->stop;
	return;
}

all_of_it('plain');
my $asan = "$FindBin::Bin/../build/asan";
if (-x "$asan/tally-write" && -x "$asan/tally-read")
{
	local $ENV{ASAN_OPTIONS} = 'quarantine_size_mb=16';
	all_of_it('sanitized', $asan);
}
done_testing();
