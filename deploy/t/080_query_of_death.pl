# Keen's night: a query that is too large, sent fifty times by GET and POST;
# one that takes all its time; one that kills the responder it meets; a
# responder that stands still.  Beside it events are taken and other queries
# answered as on a quiet day.
#
# Two readers behind one nginx: whoever is slow or dies, the other is not
# asked the same.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../../fcgi/t/lib";

use Crowd;
use IO::Socket::INET;
use JSON::PP ();
use Probe;
use Standin;
use TallyTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $SLACK_MS = 5;

# two_readers(tally, settings) -- and an nginx without its limits before them.
sub two_readers
{
	my ($tally, %settings) = @_;
	my $second = socket_of($tally, 'read2');
	$tally->start_read(%settings);
	$tally->start_responder('read2', 'tally-read', listen => $second,
		database => $tally->conninfo(user => 'tally_reader'), %settings);
	nginx_before_two($tally);
	return;
}

# nginx_before_two(tally, timeout) -- of queries, where it is not the usual.
sub nginx_before_two
{
	my ($tally, $timeout) = @_;
	my $second = socket_of($tally, 'read2');
	$tally->start_nginx(edit => sub {
		s/^\s*limit_(conn|req) .*\n| max_conns=\d+//mg;
		s{(upstream tally_query \{[^\}]*read\.sock max_fails=0;)}
			{$1 server unix:$second max_fails=0;} or die "no upstream of queries\n";
		!defined $timeout || s/(fastcgi_read_timeout) 15s;/$1 $timeout;/
			or die "no timeout of queries\n";
	});
	return;
}

sub socket_of { return $_[0]->dir . "/run/$_[1].sock" }

sub took
{
	my ($part, $kind, @answers) = @_;
	return Crowd::percentile($part,
		map { $_->{took} } grep { $_->{kind} eq $kind } @answers);
}

# slower(kind, quiet, night) -- what was more than twice as slow that night, or
# ''.  What takes a millisecond or two more is not slow, just not alone.
sub slower
{
	my ($kind, $quiet, $night) = @_;
	my @slow;
	for my $part (50, 90, 99)
	{
		my ($a, $b) = map { took($part, $kind, @$_) } $quiet, $night;
		note(sprintf '%s: p%d %.1f ms on a quiet day, %.1f ms that night', $kind,
			$part, $a, $b);
		push @slow, sprintf 'p%d %.1f ms, %.1f ms', $part, $a, $b
			if $b >= 2 * $a + $SLACK_MS;
	}
	return join '; ', @slow;
}

#-----------------------------------------------------------------------------
# Too large: thousands of groups by thousands of buckets
#-----------------------------------------------------------------------------

{
	my $tally = TallyTest->new(name => 'too-large');
	$tally->start_postgres(conf => "log_statement = 'all'");
	my $p = $tally->create_project('death');
	my $path = "/3.0/projects/$p->{project}";
	$tally->start_write(key_refresh_ms => 200, spool_file_mb => 4,
		spool_reserve_mb => 0);
	two_readers($tally, key_refresh_ms => 200);
	my %write = (key => $p->{write_key});
	$tally->wait_until('the keys', sub {
		$tally->http('POST', "$path/events/quiet", %write, json => { a => 1 })
			->{status} == 201 });
	for my $part (0 .. 4)
	{
		$tally->http('POST', "$path/events", %write, json => { visits =>
			[ map { { user => "u$_", keen => { timestamp =>
				'2026-03-01T00:00:00Z' } } } $part * 1000 .. $part * 1000 + 999 ] });
	}
	$tally->wait_for_events(5001, 30);

	my ($run, $n) = (0, 0);
	my %ask = (
		post => sub { ('post', Crowd::request('POST', "$path/events/quiet",
				$p->{write_key}, '{"a":' . ++$n . '}')) },
		query => sub { ('query', Crowd::request('GET', "$path/queries/count"
				. '?event_collection=quiet&timeframe=today&timezone=' . ++$n,
				$p->{read_key})) });
	my $others = sub { $ask{ $_[0] % 2 ? 'post' : 'query' }->() };
	# what is measured is Tally, not two processors that have too much to do
	my %load = (clients => 8, pause => 0.1);

	# 5,000 groups x 8,640 buckets of five minutes: 43 million cells
	my @death = map { { event_collection => 'visits', group_by => 'user',
		interval => 'every_5_minutes', timezone => $_, timeframe =>
			{ start => '2026-03-01T00:00:00', end => '2026-03-31T00:00:00' } }
	} 1 .. 50;
	my $i = 0;
	my $death = sub {
		my $d = $death[ $i++ ];
		return ('death', Crowd::request('POST', "$path/queries/count",
				$p->{read_key}, JSON::PP::encode_json($d))) if $i % 2;
		return ('death', Crowd::request('GET', "$path/queries/count"
				. "?event_collection=visits&group_by=user"
				. "&interval=every_5_minutes&timezone=$d->{timezone}"
				. '&timeframe=%7B%22start%22:%222026-03-01T00:00:00%22,'
				. '%22end%22:%222026-03-31T00:00:00%22%7D', $p->{read_key}));
	};
	# one more client, who sends all of them
	my $with_death = sub {
		my ($client) = @_;
		return $client == 9 && $i < @death ? $death->() : $others->($client);
	};
	my $probe = Probe->start($tally);
	my $crowd = sub {
		$n = 1000 * ++$run;    # nothing is asked twice
		return Crowd::run($tally, %load, @_);
	};
	my $quiet = sub { $crowd->(seconds => 2, ask => $others) };
	my $night = sub { $crowd->(seconds => 4, clients => 9, ask => $with_death,
		until => sub { $i >= @death }) };

	# Quiet, night, quiet: again while a kind is slow, as on a busy machine one
	# disturbance is the p99 of either.  What is slowed down by the night is so
	# each time.
	my (@quiet, @night, @refused, $refused_in, %slow);
	for my $try (1 .. 5)
	{
		my @runs = ($quiet->(), $night->(), $quiet->());
		my $machine = $probe->figures($runs[0]{start}, $runs[2]{end});
		my @now_quiet = map { @{ $_->{answers} } } @runs[ 0, 2 ];
		my @now = @{ $runs[1]{answers} };
		push @quiet, @now_quiet;
		push @night, @now;
		my @now_refused = grep { $_->{kind} eq 'death' } @now;
		push @refused, @now_refused;
		my $slowest = took(100, 'death', @now_refused);
		$refused_in = $slowest if !defined $refused_in || $slowest < $refused_in;
		note(sprintf 'the machine itself: a write p99 %.1f ms, waking up %.1f ms',
			$machine->{sync}, $machine->{wake});
		for my $kind (qw(post query))
		{
			next if $try > 1 && !$slow{$kind};
			$slow{$kind} = slower($kind, \@now_quiet, \@now)
				&& slower($kind, \@quiet, \@night);
		}
		last if $refused_in < 50 && !grep { $_ } @slow{qw(post query)};
	}
	is(scalar @refused % 50, 0, 'the query of death is sent fifty times');
	cmp_ok(scalar @refused, '>=', 50, '... at least');
	is(scalar(grep { $_->{status} != 400 } @refused), 0, 'and refused');
	cmp_ok($refused_in, '<', 50, 'each in less than 50 ms');

	# The same fifty once more, all at once, as a wall of dashboards does it: one
	# key has six slots, and who gets none is told so as soon.
	my @at_once;
	for my $try (1 .. 5)
	{
		my $sent = 0;
		my $crowd = $crowd->(clients => 50, pause => 0.05, seconds => 0.1, ask => sub {
			return ++$sent > 50 ? $others->(2) : do { $i = $sent - 1; $death->() } });
		my @answers = grep { $_->{kind} eq 'death' } @{ $crowd->{answers} };
		my $slowest = took(100, 'death', @answers);
		@at_once = ($slowest, @answers) if !@at_once || $slowest < $at_once[0];
		last if $at_once[0] < 50;
	}
	my $slowest = shift @at_once;
	my %at_once;
	$at_once{ $_->{status} }++ for @at_once;
	note('at once: ' . join(', ', map { "$at_once{$_} x $_" } sort keys %at_once)
		. sprintf '; the slowest %.1f ms', $slowest);
	is(scalar @at_once, 50, 'fifty at once');
	is(join(' ', grep { !/^4(00|29)$/ } keys %at_once), '', '... are refused, too');
	cmp_ok($slowest, '<', 50, '... each in less than 50 ms');
	my $r = $tally->query($p, 'count', $death[0]);
	is($r->{json}{error_code}, 'QueryTooLargeError', 'as too large');
	like($r->{json}{message}, qr/\d{4}/, 'with numbers');
	for my $kind (qw(post query))
	{
		my $good = $kind eq 'post' ? 201 : 200;
		is(scalar(grep { $_->{kind} eq $kind && $_->{status} != $good } @night),
			0, "meanwhile no $kind fails");
		is($slow{$kind}, '', "nor is a $kind slow: within twice a quiet day's time");
	}
	note(sprintf 'refused in p50 %.1f ms, p99 %.1f ms',
		map { my $part = $_; Crowd::percentile($part, map { $_->{took} } @refused) }
			50, 99);
	ok($tally->stop, 'all ends well');
}

#-----------------------------------------------------------------------------
# Too slow, and deadly
#-----------------------------------------------------------------------------

{
	my $tally = TallyTest->new(name => 'deadly');
	my $p = Standin::start($tally);
	# a query is to be met while it runs, also where that takes a while
	my %reader = (key_refresh_ms => 200, statement_timeout_ms => 4000,
		query_deadline_ms => 6000, connections => 4,
		quarantine_file => $tally->dir . '/run/quarantine');
	$tally->start_write(key_refresh_ms => 200, spool_file_mb => 4,
		spool_reserve_mb => 0);
	two_readers($tally, %reader);
	my $project = "/3.0/projects/$p->{project}";
	my $base = "$project/queries";
	$tally->wait_until('the keys', sub {
		my @r = map { $tally->http('GET', $base, key => $p->{read_key}) } 1 .. 4;
		push @r, $tally->http('POST', "$project/events", key => $p->{write_key},
			json => {});
		!grep { $_->{status} != 200 } @r });

	# others_while(doing) -- what else is answered meanwhile, with its times as
	# of time().  No query is asked twice.
	my $run = 0;
	my $others_while = sub {
		my ($doing) = @_;
		my $done = $tally->dir . '/done.' . ++$run;
		my $n = 100_000 * $run;
		my $crowd = Crowd::run($tally, clients => 8, pause => 0.1, seconds => 0.5,
			until => sub { -e $done },
			ask => sub { $n++; $_[0] % 2
				? ('post', Crowd::request('POST', "$project/events/quiet",
						$p->{write_key}, "{\"a\":$n}"))
				: ('query', Crowd::request('GET', "$base/echo?n=$n",
						$p->{read_key})) },
			at => [ [ 0.3, sub { $doing->();
				open my $fh, '>', $done or die "$done: $!" } ] ]);
		$_->{begin} += $crowd->{start} for @{ $crowd->{answers} };
		return $crowd->{answers};
	};
	my $quiet = $others_while->(sub { sleep 2 });

	# all_well(what, answers, away) -- status => [from, to]: when a query may
	# have met no living reader, and so have that.
	#
	# nginx asks one reader, once, and with max_fails=0 goes on asking each in
	# turn: who meets the socket of a dead one has its 502 at once, and that is
	# neither passed on to the other nor counted here.  A new one that has no
	# keys yet says 503.
	my $all_well = sub {
		my ($what, $answers, %away) = @_;
		my @posts = grep { $_->{kind} eq 'post' } @$answers;
		my @queries = grep { $_->{kind} eq 'query' } @$answers;
		my @living = grep { my $at = $away{ $_->{status} };
			!$at || $_->{begin} > $at->[1]
				|| $_->{begin} + $_->{took} < $at->[0] } @queries;
		my @good = grep { $_->{status} == 200 } @queries;
		cmp_ok(scalar @posts, '>', 0, "$what: meanwhile events are posted");
		is(scalar(grep { $_->{status} != 201 } @posts), 0,
			'... and each is acknowledged');
		cmp_ok(scalar @good, '>', 0, '... other queries are asked');
		is(join(' ', map { $_->{status} } grep { $_->{status} != 200 } @living),
			'', '... and those that meet a living reader answered');
		cmp_ok(Crowd::percentile(100, map { $_->{took} } @queries), '<', 1000,
			'... each within 1 s');
		my %is;
		$is{ $_->{status} }++ for @queries;
		note(@posts . ' events; queries: '
			. join ', ', map { "$is{$_} x $_" } sort keys %is);
		for my $kind (qw(post query))
		{
			my $slow = slower($kind, $quiet,
				[ grep { $_->{status} < 300 } @$answers ]);
			note("$kind: slow, $slow") if $slow;
		}
		return;
	};

	my %code;
	my $others = $others_while->(sub {
		for my $time (1 .. 50)
		{
			my $r = $time % 2
				? $tally->http('GET', "$base/sleep?seconds=30",
					key => $p->{read_key})
				: $tally->http('POST', "$base/sleep", key => $p->{read_key},
					body => '{"seconds":"30"}');
			$code{ $r->{status} }++;
		}
	});
	is(begun($tally, 'sleep'), 1, 'a query that takes all its time is met once');
	# for a second its failure is the answer of the one that met it
	is(($code{504} // 0) + ($code{429} // 0), 50, '... fifty are told so');
	cmp_ok($code{429}, '>', 20, '... or that it is refused, by either reader');
	note(join ', ', map { "$code{$_} x $_" } sort keys %code);
	$all_well->('too slow', $others);

	# deadly(method, n) -- a query that takes 3 s; its reader is killed meanwhile.
	# Returns its name, the other's, when that was, and what the client has.
	my $deadly = sub {
		my ($method, $n) = @_;
		my $begun = begun($tally, 'sleep');
		my $socket = IO::Socket::INET->new(
			PeerAddr => "127.0.0.1:$tally->{port}") or die $!;
		print $socket $method eq 'POST'
			? Crowd::request('POST', "$base/sleep", $p->{read_key},
				"{\"seconds\":3,\"n\":$n}")
			: Crowd::request('GET', "$base/sleep?seconds=3&n=$n",
				$p->{read_key});
		$socket->flush;
		$tally->wait_until('it to run',
			sub { begun($tally, 'sleep') == $begun + 1 });
		# which one has it: the one that is never without a query
		my @busy;
		$tally->wait_until('the other to be idle', sub {
			@busy = grep { running_in($tally, $_) } qw(read read2);
			@busy == 1 });
		my $at = time;
		$tally->kill_process($busy[0]);
		my $text = do { local $/; <$socket> };
		return ($busy[0], $busy[0] eq 'read' ? 'read2' : 'read', $at, $text);
	};
	my $restart = sub {
		my ($reader) = @_;
		$tally->start_responder($reader, 'tally-read',
			listen => socket_of($tally, $reader),
			database => $tally->conninfo(user => 'tally_reader'), %reader);
		$tally->wait_until('the keys', sub {
			fastcgi_get(socket_of($tally, $reader), '/health/ready')
				=~ /Status: 200/ });
	};
	# asked_again(method, n) -- until each of two readers was asked: how often
	# which status came
	my $asked_again = sub {
		my ($method, $n) = @_;
		my %is;
		for (1 .. 10)
		{
			my $r = $method eq 'POST'
				? $tally->http('POST', "$base/sleep", key => $p->{read_key},
					body => "{\"seconds\":3,\"n\":$n}")
				: $tally->http('GET', "$base/sleep?seconds=3&n=$n",
					key => $p->{read_key});
			$is{ $r->{status} }++;
			like($r->{json}{message}, qr/server ended while it worked on this/,
				"$method: ... and says why") if $r->{status} == 429 && $is{429} == 1;
		}
		return \%is;
	};

	for my $method (qw(GET POST))
	{
		# others run beside it: which of them it was nobody knows
		my ($killed, $back, $to);
		$others = $others_while->(sub {
			my $begun = begun($tally, 'sleep');
			my ($dead, $other, $at, $text) = $deadly->($method, 1);
			$killed = $at;
			like($text, qr{^HTTP/1.1 502}, "$method: it kills a reader: 502");
			sleep 1.2;
			is(begun($tally, 'sleep'), $begun + 1,
				"$method: the other one is not asked");
			ok($tally->is_running($other), "$method: and lives");
			$back = time;
			$restart->($dead);
			$to = time;
		});
		$all_well->("$method, deadly", $others,
			502 => [ $killed, $to ], 503 => [ $back, $to ]);

		# it runs alone, and so is the one
		my $begun = begun($tally, 'sleep');
		my ($dead, $other, undef, $text) = $deadly->($method, 2);
		like($text, qr{^HTTP/1.1 502}, "$method: alone it kills a reader: 502");
		my $is = $asked_again->($method, 2);
		cmp_ok($is->{429}, '>', 0, "$method: the other one refuses it");
		is_deeply([ sort grep { !/429|502/ } keys %$is ], [], '... whenever it is asked');
		$restart->($dead);
		is_deeply($asked_again->($method, 2), { 429 => 10 },
			"$method: so does the dead one when it is back");
		is(begun($tally, 'sleep'), $begun + 1, "$method: it was met once");
		like($tally->log_text($dead), qr/event=tally_read_died queries_running=1/,
			'... and the log says so') if $tally->log_text($other) !~ /tally_read_died/;
	}

	# One that stands still: it takes the connection, and nothing more.  Less
	# than fastcgi_next_upstream_timeout, which would hide a retry.
	ok($tally->stop_nginx, 'nginx is to wait for 0.8 s');
	nginx_before_two($tally, '800ms');
	my $halted = $tally->pid('read2');
	$tally->signal('read2', 'STOP');
	$tally->wait_until('it to stand still', sub {
		!grep { open my $fh, '<', $_; (<$fh> // '') !~ /\) T / }
			glob "/proc/$halted/task/*/stat" });
	for my $method (qw(GET POST))
	{
		# until each reader was met, whoever is first
		my %met;
		for my $time (1 .. 20)
		{
			my $mark = "$method $time";
			my $asked = time;
			my $r = $method eq 'POST'
				? $tally->http('POST', "$base/echo", key => $p->{read_key},
					json => { mark => $mark })
				: $tally->http('GET', "$base/echo?mark=GET%20$time",
					key => $p->{read_key});
			$met{ $r->{status} } //= { mark => $mark, took => time - $asked };
			last if keys %met > 1;
		}
		is(join(' ', sort keys %met), '200 504',
			"$method: one reader answers, one stands still: 504");
		cmp_ok($met{504}{took}, '<', 2, '... when the time is up');
		sleep 1.2;
		# all that begins is the other one's
		is(begun($tally, $met{200}{mark}), 1, '... what the other is asked is begun');
		is(begun($tally, $met{504}{mark}), 0, '... and this it is not asked');
	}
	$tally->signal('read2', 'CONT');
	$tally->wait_until('it to go on', sub {
		fastcgi_get(socket_of($tally, 'read2'), '/health/ready') =~ /Status: 200/ });
	ok($tally->stop, 'all ends well');
}

# begun(tally, text) -- as Standin::queries_begun, of those with that text in
# their analysis or request.
sub begun
{
	my ($tally, $text) = @_;
	return scalar grep { /DETAIL:  parameters: .*['"]\Q$text\E['"]/ }
		split /^/m, $tally->log_text('postgres');
}

# running_in(tally, name) -- does that reader have a query under way?  Its own
# metrics say so, asked past nginx, which would ask either.
sub running_in
{
	my ($tally, $name) = @_;
	my $text = fastcgi_get(socket_of($tally, $name), '/metrics');
	return $text =~ /^tally_query_running [1-9]/m;
}

# fastcgi_get(socket, uri) -- one request, as nginx would make it.
sub fastcgi_get
{
	my ($path, $uri) = @_;
	require IO::Socket::UNIX;
	my $s = IO::Socket::UNIX->new(Peer => $path) or die "$path: $!";
	my $params = join '', map { pack('CC', length $_->[0], length $_->[1])
			. $_->[0] . $_->[1] }
		[ REQUEST_METHOD => 'GET' ], [ REQUEST_URI => $uri ],
		[ QUERY_STRING => '' ], [ CONTENT_LENGTH => '' ];
	print $s pack('CCnnCCnCx5', 1, 1, 1, 8, 0, 0, 1, 0),
		pack('CCnnCC', 1, 4, 1, length $params, 0, 0), $params,
		pack('CCnnCC', 1, 4, 1, 0, 0, 0), pack('CCnnCC', 1, 5, 1, 0, 0, 0);
	$s->flush;
	local $/;
	return scalar(<$s>) // '';
}

done_testing();
