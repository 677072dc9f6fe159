# Keen's night: a query that is too large, sent fifty times by GET and POST;
# one that takes all its time; one that kills the responder it meets.  Beside
# it events are taken and other queries answered as on a quiet day.
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
use Standin;
use TallyTest;
use Test::More;
use Time::HiRes qw(sleep time);

# two_readers(tally, settings) -- and an nginx without its limits before them.
sub two_readers
{
	my ($tally, %settings) = @_;
	my $second = $tally->dir . '/run/read2.sock';
	$tally->start_read(%settings);
	$tally->start_responder('read2', 'tally-read', listen => $second,
		database => $tally->conninfo(user => 'tally_reader'), %settings);
	$tally->start_nginx(edit => sub {
		s/^\s*limit_(conn|req) .*\n//mg;
		s{(upstream tally_query \{\s*server unix:\S+read\.sock max_fails=0;)}
			{$1 server unix:$second max_fails=0;};
	});
	return;
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

	my $n = 0;
	my %ask = (
		post => sub { ('post', Crowd::request('POST', "$path/events/quiet",
				$p->{write_key}, '{"a":1}')) },
		query => sub { ('query', Crowd::request('GET', "$path/queries/count"
				. '?event_collection=quiet&timeframe=today&timezone=' . ++$n,
				$p->{read_key})) });
	my $others = sub { $ask{ $_[0] % 2 ? 'post' : 'query' }->() };
	my @quiet = Crowd::run($tally, seconds => 3, clients => 8, pause => 0.05,
		ask => $others);

	# 5,000 groups x 8,640 buckets of five minutes: 43 million cells
	my @death = map { { event_collection => 'visits', group_by => 'user',
		interval => 'every_5_minutes', timezone => $_, timeframe =>
			{ start => '2026-03-01T00:00:00', end => '2026-03-31T00:00:00' } }
	} 1 .. 50;
	my @refused;
	my $i = 0;
	my @night = Crowd::run($tally, seconds => 4, clients => 9, pause => 0.05,
		ask => sub {
			my ($client) = @_;
			return $others->($client) if $client < 9 || $i >= @death;
			my $d = $death[ $i++ ];
			return ('death', Crowd::request('POST', "$path/queries/count",
					$p->{read_key}, JSON::PP::encode_json($d))) if $i % 2;
			return ('death', Crowd::request('GET', "$path/queries/count"
					. "?event_collection=visits&group_by=user"
					. "&interval=every_5_minutes&timezone=$d->{timezone}"
					. '&timeframe=%7B%22start%22:%222026-03-01T00:00:00%22,'
					. '%22end%22:%222026-03-31T00:00:00%22%7D', $p->{read_key}));
		});
	@refused = grep { $_->{kind} eq 'death' } @night;
	cmp_ok(scalar @refused, '>=', 40, 'the query of death is sent again and again');
	is(scalar(grep { $_->{status} != 400 } @refused), 0, 'and refused');
	cmp_ok(Crowd::percentile(50, map { $_->{took} } @refused), '<', 50,
		'in less than 50 ms');
	my $r = $tally->query($p, 'count', $death[0]);
	is($r->{json}{error_code}, 'QueryTooLargeError', 'as too large');
	like($r->{json}{message}, qr/\d{4}/, 'with numbers');
	for my $kind (qw(post query))
	{
		my @before = grep { $_->{kind} eq $kind } @quiet;
		my @during = grep { $_->{kind} eq $kind } @night;
		my $good = $kind eq 'post' ? 201 : 200;
		is(scalar(grep { $_->{status} != $good } @during), 0,
			"meanwhile no $kind fails");
		my ($a, $b) = map { Crowd::percentile(99, map { $_->{took} } @$_) }
			\@before, \@during;
		note(sprintf '%s: p99 %.1f ms on a quiet day, %.1f ms that night',
			$kind, $a, $b);
		# 50 ms: what a busy machine does to the one slowest of a hundred
		cmp_ok($b, '<', 2 * $a + 50, "nor is it slow");
	}
	note(sprintf 'refused in p50 %.1f ms, p99 %.1f ms',
		map { my $q = $_; Crowd::percentile($q, map { $_->{took} } @refused) }
			50, 99);
	ok($tally->stop, 'all ends well');
}

#-----------------------------------------------------------------------------
# Too slow, and deadly
#-----------------------------------------------------------------------------

{
	my $tally = TallyTest->new(name => 'deadly');
	my $p = Standin::start($tally);
	two_readers($tally, key_refresh_ms => 200, statement_timeout_ms => 1000,
		query_deadline_ms => 2000, connections => 4);
	my $base = "/3.0/projects/$p->{project}/queries";
	$tally->wait_until('the keys', sub {
		my @r = map { $tally->http('GET', $base, key => $p->{read_key}) } 1, 2;
		!grep { $_->{status} != 200 } @r });

	my %code;
	for my $time (1 .. 50)
	{
		my $r = $time % 2
			? $tally->http('GET', "$base/sleep?seconds=30",
				key => $p->{read_key})
			: $tally->http('POST', "$base/sleep", key => $p->{read_key},
				body => '{"seconds":"30"}');
		$code{ $r->{status} }++;
	}
	is(Standin::queries_begun($tally), 2,
		'a query that takes all its time meets each reader once');
	is($code{429} // 0, 48 - ($code{504} // 2) + 2, 'and is then refused');
	note(join ', ', map { "$code{$_} x $_" } sort keys %code);

	for my $method (qw(GET POST))
	{
		my $begun = Standin::queries_begun($tally);
		my $body = "{\"seconds\":0.9,\"method\":\"$method\"}";
		my $socket = IO::Socket::INET->new(
			PeerAddr => "127.0.0.1:$tally->{port}") or die $!;
		print $socket $method eq 'POST'
			? Crowd::request('POST', "$base/sleep", $p->{read_key}, $body)
			: Crowd::request('GET', "$base/sleep?seconds=0.9&method=GET",
				$p->{read_key});
		$socket->flush;
		$tally->wait_until('it to run',
			sub { Standin::queries_running($tally) == 1 });
		# which one has it: the one that has an active connection
		my ($port) = grep { running_in($tally, $_) } qw(read read2);
		$tally->kill_process($port);
		my $text = do { local $/; <$socket> };
		like($text, qr{^HTTP/1.1 502}, "$method: it kills a reader: 502");
		sleep 1.2;
		is(Standin::queries_begun($tally), $begun + 1,
			"$method: the other one is not asked");
		ok($tally->is_running($port eq 'read' ? 'read2' : 'read'),
			"$method: and lives");
		$tally->start_responder($port, 'tally-read',
			listen => $tally->dir . "/run/$port.sock",
			database => $tally->conninfo(user => 'tally_reader'),
			key_refresh_ms => 200, statement_timeout_ms => 1000,
			query_deadline_ms => 2000, connections => 4);
		sleep 0.5;
	}
	ok($tally->stop, 'all ends well');
}

# running_in(tally, name) -- does that reader have a query under way?  Its own
# metrics say so, asked past nginx, which would ask either.
sub running_in
{
	my ($tally, $name) = @_;
	my $text = fastcgi_get($tally->dir . "/run/$name.sock", '/metrics');
	return $text =~ /^tally_query_running 1$/m;
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
