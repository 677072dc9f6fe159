# Which events nginx passes on to a second writer: those whose connection was
# refused, none that was sent.  And its limits: what is over gets an answer of
# its own that says so, the others notice nothing.
#
# Each answer tells, in headers that only this test's nginx adds, which sockets
# were asked for it and what the limits said: an error cannot be another's.
#
# Measures no times.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use Crowd;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP qw(decode_json);
use Socket qw(SOCK_STREAM);
use TallyTest;
use Test::More;

my $PATIENCE_S = 30;

my $tally = TallyTest->new(name => 'upstreams');
my $dir = $tally->dir;
$tally->start_postgres;
my $p = $tally->create_project('upstreams');
my $events = "/3.0/projects/$p->{project}/events";
my $count = "/3.0/projects/$p->{project}/queries/count";
my ($key, $other_key) = @$p{qw(write_key master_key)};

my %spool = (write => 'spool', other => 'spool2');
for my $spool (values %spool)
{
	mkdir "$dir/$spool", 0700 or die $!;
	chown $tally->{uid}, $tally->{gid}, "$dir/$spool" if defined $tally->{uid};
}

sub socket_of { return "$dir/run/$_[0].sock" }

sub start_writer
{
	my ($name) = @_;
	$tally->start_responder($name, 'tally-write', listen => socket_of($name),
		spool => "$dir/$spool{$name}", spool_file_mb => 1, spool_reserve_mb => 0,
		key_refresh_ms => 200, database => $tally->conninfo(user => 'tally_writer'));
	return;
}

# change(what, by) -- in tally.conf; what is not there any more is not tested.
sub change
{
	my ($what, $by) = @_;
	s/$what/$by/ or die "no $what in tally.conf\n";
	return;
}

# nginx(%opt) -- start it, anew if it runs, with what this test adds.
#   two => 1         a second writer, where tally.conf says that it goes
#   edit => sub {}   more
sub nginx
{
	my (%opt) = @_;
	$tally->stop_nginx or die "nginx does not stop\n";
	$tally->start_nginx(edit => sub {
		change(qr/(?=add_header Retry-After)/,
			"add_header X-Asked \$upstream_addr always;\n"
			. "add_header X-Limits"
			. " \"conn=\$limit_conn_status req=\$limit_req_status\" always;\n");
		# who is held stays held until the test is through with it
		change(qr/(?<=fastcgi_read_timeout )2500ms/, "${PATIENCE_S}s");    # events
		change(qr/(?<=fastcgi_read_timeout )15s/, "${PATIENCE_S}s");    # queries
		change(qr/(?<=upstream tally_ingest \{)/,
			"server unix:$dir/run/other.sock max_fails=0;") if $opt{two};
		$opt{edit}->() if $opt{edit};
	});
	return;
}

# asked(reply) -- the names of the sockets that were asked for it, in order.
sub asked
{
	my ($r) = @_;
	return join ' ', ($r->{headers}{'x-asked'} // '') =~ m{/(\w+)\.sock}g;
}

#-----------------------------------------------------------------------------
# Events, each with an id
#-----------------------------------------------------------------------------

my $n = 0;
my @acknowledged;

# post(number, key) -- so many events in a request (0: alone); the reply.
sub post
{
	my ($number, $with) = @_;
	my @events = map { { id => sprintf '%05d', ++$n } } 1 .. $number || 1;
	my $r = $tally->http('POST', $number ? $events : "$events/c",
		key => $with // $key, json => $number ? { c => \@events } : $events[0]);
	push @acknowledged, map { $_->{id} } @events
		if $r->{status} == ($number ? 200 : 201);
	return $r;
}

# all_stored(title) -- what was acknowledged, once, and nothing else.
sub all_stored
{
	my ($title) = @_;
	eval { $tally->wait_for_events(scalar @acknowledged) };
	is($tally->psql("SELECT properties ->> 'id' FROM tally_store.event"
		. ' ORDER BY 1'), join("\n", sort @acknowledged), $title);
	return;
}

# ready(names) -- these writers, and no others, answer, and know the keys.
sub ready
{
	my $names = join ' ', sort @_;
	$tally->wait_until("the keys of $names", sub {
		my @r = map { $tally->http('POST', $events, key => $_, json => {}) }
			($key) x 4, ($other_key) x 4;
		my %seen = map { asked($_) => 1 } @r;
		return !(grep { $_->{status} != 200 } @r)
			&& join(' ', sort keys %seen) eq $names;
	});
	return;
}

# connections(name) -- that the socket has, accepted or not.
sub connections
{
	my $path = socket_of($_[0]);
	open my $fh, '<', '/proc/net/unix' or die $!;
	return (grep { / \Q$path\E$/ } <$fh>) - 1;
}

# nginx keeps some for 250 ms (keepalive_timeout).
sub wait_for_no_connections
{
	my ($name) = @_;
	$tally->wait_until('no connection', sub { connections($name) == 0 });
	return;
}

#-----------------------------------------------------------------------------
# Raw clients, and a responder that takes what comes and says nothing
#-----------------------------------------------------------------------------

sub client
{
	my $client = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$tally->{port}")
		or die "connect: $!";
	print $client Crowd::request(@_);
	$client->flush;
	return $client;
}

sub mute
{
	my $path = socket_of($_[0]);
	unlink $path;
	my $mute = IO::Socket::UNIX->new(Type => SOCK_STREAM, Listen => 64,
		Local => $path) or die "$path: $!";
	chmod 0777, $path;
	return $mute;
}

# reach(mute, request...) -- the client; and the connection in which the mute
# has the request, or undef: it was answered elsewhere.
sub reach
{
	my ($mute, @request) = @_;
	my $client = client(@request);
	my @ready = IO::Select->new($client, $mute)->can_read($PATIENCE_S)
		or die "neither an answer nor a request\n";
	return ($client, (grep { $_ == $mute } @ready) ? scalar $mute->accept : undef);
}

# answer(client) -- as of http().  Until it is closed here, too, nginx keeps the
# request, and counts it, for a second (lingering_timeout).
sub answer
{
	my ($client) = @_;
	my $text = do { local $/; <$client> } // '';
	close $client;
	my ($head, $content) = split /\r\n\r\n/, $text, 2;
	my ($first, @lines) = split /\r\n/, $head // '';
	my %headers = map { my ($k, $v) = split /: /, $_, 2; (lc $k, $v) } @lines;
	return { status => ($first // '') =~ /^\S+ (\d+)/ ? $1 : 0,
		headers => \%headers, content => $content };
}

# ended(mute, request...) -- the reply; the mute ends what reaches it.
sub ended
{
	my ($client, $has) = reach(@_);
	close $has if $has;
	return answer($client);
}

# is_refused(reply, status, error_code, limits, title) -- by nginx, and nobody
# was asked.
sub is_refused
{
	my ($r, $status, $code, $limits, $title) = @_;
	my %h = %{ $r->{headers} };
	my $error = eval { decode_json($r->{content}) } // {};
	like($h{'x-limits'} // '', $limits, "$title: by this limit");
	is_deeply([ $r->{status}, $error->{error_code}, asked($r) ],
		[ $status, $code, '' ], "$title: $status, $code, nobody was asked");
	ok($error->{message}, "$title: a message");
	is($h{'content-type'}, 'application/json', "$title: said to be JSON");
	is($h{'access-control-allow-origin'}, '*', "$title: readable for browsers");
	like($h{'retry-after'}, qr/^[123]$/, "$title: Retry-After");
	return;
}

#-----------------------------------------------------------------------------
# Passed on (fastcgi_next_upstream error, two tries at most)
#-----------------------------------------------------------------------------

start_writer($_) for sort keys %spool;
nginx(two => 1);
ready('other', 'write');

# without(name, title) -- 40 events alone and 10 batches, while it is away.
sub without
{
	my ($away, $title) = @_;
	my ($there) = grep { $_ ne $away } sort keys %spool;
	my @single = map { post(0) } 1 .. 40;
	my @batch = map { post(5) } 1 .. 10;
	is(scalar(grep { $_->{status} != 201 } @single), 0,
		"$title: each of 40 events is acknowledged");
	is(scalar(grep { $_->{status} != 200
			|| grep { !$_->{success} } @{ $_->{json}{c} // [ {} ] } } @batch), 0,
		"$title: and each of 10 batches");
	my %asked;
	$asked{ asked($_) }++ for @single, @batch;
	# they are asked in turn; all by one worker of nginx, while its client stays
	is_deeply([ sort keys %asked ], [ sort "$away $there", $there ],
		"$title: some were passed on, with one more try");
	cmp_ok($asked{"$away $there"} // 0, '>=', 10, "$title: many were");
	all_stored("$title: all are stored, once");
	return;
}

ok($tally->stop_process('write'), 'one writer is stopped');
ok(!-e socket_of('write'), '... and its socket is gone');
without('write', 'no socket');
start_writer('write');
ready('other', 'write');

# A connection that is kept and breaks is another thing: fcgi/t/070_kills.pl.
wait_for_no_connections('other');
$tally->kill_process('other');
ok(-S socket_of('other'), 'the other one is killed: its socket stays');
without('other', 'a socket that refuses');

# What was sent may have been stored, so it is the client who is to decide.
{
	my $mute = mute('other');
	my ($client, $has);
	for (1 .. 20)    # each worker of nginx has its own turns
	{
		($client, $has) = reach($mute, 'POST', "$events/c", $key, '{"id":"sent"}');
		last if $has;
		push @acknowledged, 'sent' if answer($client)->{status} == 201;
	}
	ok($has, 'an event is sent to one that says nothing') or die;
	my $bytes = '';
	while ($bytes !~ /"sent"/) { sysread $has, $bytes, 4096, length $bytes or die }
	close $has;
	my $r = answer($client);
	is($r->{status}, 502, '... and ends: 502');
	is(asked($r), 'other', '... nobody else was asked');
	all_stored('... and it is not stored');
	close $mute;
	unlink socket_of('other');
}

#-----------------------------------------------------------------------------
# Queries: 8 at the same time with a key (tally_query_conn), as it stands there
#-----------------------------------------------------------------------------

nginx();
ready('write');
{
	my $mute = mute('read');
	my @held;
	for (1 .. 8)
	{
		my @pair = reach($mute, 'GET', $count, $key);
		push @held, \@pair if $pair[1];
	}
	is(scalar @held, 8, 'eight queries with a key are let through');
	my @limit = (429, 'TooManyRequestsError', qr/^conn=REJECTED/);
	is_refused(ended($mute, 'GET', $count, $key), @limit, 'the ninth');
	is_refused(ended($mute, 'POST', $count, $key, '{}'), @limit, 'as a POST');
	is_refused(ended($mute, 'GET', "$count?api_key=$key", ''), @limit,
		'the key as a parameter');

	my @other = reach($mute, 'GET', $count, $other_key);
	ok($other[1], 'a query with another key is let through');
	my @none = reach($mute, 'GET', $count, '');
	ok($none[1], 'and one without a key, which counts for its address');
	is(post(0)->{status}, 201, 'an event with that key is taken');

	close $_ for @{ shift @held };
	ok($tally->wait_until('a free place', sub {
		my @pair = reach($mute, 'GET', $count, $key);
		push @held, \@pair if $pair[1];
		return $pair[1];
	}), 'one leaves: the next is let through');
	is_refused(ended($mute, 'GET', $count, $key), @limit, 'but one only');
	close $mute;
	unlink socket_of('read');
}

#-----------------------------------------------------------------------------
# Queries: 240 at the same time, of all keys together (max_conns); here 3, which
# all of nginx's workers count together
#-----------------------------------------------------------------------------

nginx(edit => sub { change(qr/(?<=max_conns=)240;/, '3;') });
ready('write');
{
	my $mute = mute('read');

	# who sends slowly has not reached tally-read, and holds no place of it
	my @slow = map {
		my $client = IO::Socket::INET->new(
			PeerAddr => "127.0.0.1:$tally->{port}") or die "connect: $!";
		print $client "POST $count HTTP/1.1\r\nHost: x\r\n",
			"Authorization: slow $_\r\nContent-Length: 100\r\n\r\n{";
		$client->flush;
		$client;
	} 1 .. 10;
	my @held = map { [ reach($mute, 'GET', $count, "key $_") ] } 1 .. 3;
	is(scalar(grep { $_->[1] } @held), 3,
		'three queries are let through, whoever sends slowly');
	my @limit = (503, 'ServiceUnavailableError', qr/^conn=PASSED req=PASSED$/);
	is_refused(ended($mute, 'GET', $count, "key $_"), @limit, "the next, $_")
		for 4 .. 9;
	is_refused(ended($mute, 'POST', $count, 'key 1', '{}'), @limit,
		'with a key that is there already, as a POST');
	is(post(0)->{status}, 201, 'an event is taken');
	my @health = reach($mute, 'GET', '/health/query/ready', '');
	ok($health[1], 'health is asked for as ever');

	# a place is free when its client leaves, and when it is answered
	for my $leaves (sub { close $_[0] }, sub { close $_[1] })
	{
		$leaves->(@{ shift @held });
		ok($tally->wait_until('a free place', sub {
			my @pair = reach($mute, 'GET', $count, 'another');
			push @held, \@pair if $pair[1];
			return $pair[1];
		}), 'one leaves: the next is let through');
		is_refused(ended($mute, 'GET', $count, 'key 4'), @limit, 'but one only');
	}
	close $mute;
	unlink socket_of('read');
}
is($tally->http('GET', $count, key => $key)->{status}, 502,
	'nobody is there: that is another thing');

#-----------------------------------------------------------------------------
# Events: 240 at the same time, of all together (tally_ingest_conn); here 2
#-----------------------------------------------------------------------------

nginx(edit => sub {
	change(qr/limit_conn tally_ingest_conn \d+;/, 'limit_conn tally_ingest_conn 2;');
});
ready('write');
wait_for_no_connections('write');
{
	my $pid = $tally->pid('write');
	$tally->signal('write', 'STOP');
	$tally->wait_until('it to stand still', sub {
		!grep { open my $fh, '<', $_; (<$fh> // '') !~ /\) T / }
			glob "/proc/$pid/task/*/stat" });
	my @held = map { client('POST', "$events/c", $key, "{\"id\":\"held $_\"}") } 1, 2;
	$tally->wait_until('two requests', sub { connections('write') == 2 });

	# with whatever key: it is the writer that is full
	for ([ 0, $key, 'a third event' ], [ 0, $other_key, 'another key' ],
		[ 5, $key, 'a batch' ])
	{
		is_refused(post(@$_[ 0, 1 ]), 503, 'ServiceUnavailableError',
			qr/^conn=REJECTED/, $_->[2]);
	}
	is(connections('write'), 2, 'two were held');
	$tally->signal('write', 'CONT');
	is(answer($_)->{status}, 201, 'one that was held is acknowledged') for @held;
	push @acknowledged, 'held 1', 'held 2';
	ok($tally->wait_until('a free place', sub { post(0)->{status} == 201 }),
		'then there is room again');

	# answered, and their clients keep their ends open
	my @open;
	for my $id ('open 1', 'open 2')
	{
		# once nginx has seen that those before it have left
		ok($tally->wait_until('a free place', sub {
			my $client = client('POST', "$events/c", $key, "{\"id\":\"$id\"}");
			my $reply = do { local $/; <$client> };
			push @open, $client if $reply =~ /^HTTP\S+ 201 /;
			return $reply =~ /^HTTP\S+ 201 /;
		}), 'one that does not close is acknowledged');
		push @acknowledged, $id;
	}
	my $began = time;
	$tally->wait_until('a free place', sub { post(0)->{status} == 201 });
	cmp_ok(time - $began, '<', 3, 'and does not hold its place for long');
	close $_ for @open;
	all_stored('what was acknowledged is stored, what was refused is not');
}

#-----------------------------------------------------------------------------
# Events: 20,000 requests a second with a key, and as many at once (burst)
# before that counts (tally_ingest_rate); here one a minute, and 2
#-----------------------------------------------------------------------------

my $narrow = sub {
	change(qr/(?<=zone=tally_ingest_rate:10m )rate=\d+r\/s;/, 'rate=1r/m;');
	change(qr/(?<=zone=tally_ingest_rate )burst=\d+ /, 'burst=2 ');
};
nginx(edit => $narrow);
is_deeply([ map { post($_)->{status} } 0, 5, 0 ], [ 201, 200, 201 ],
	'one request and the burst, a batch being one');
my @limit = (429, 'TooManyRequestsError', qr/ req=REJECTED/);
is_refused(post(0), @limit, 'an event too many');
is_refused(post(5), @limit, 'a batch too many');
is_refused($tally->http('GET', "$events/c?api_key=$key&data=e30"), @limit,
	'one in a URL, the key as a parameter');
is(post(0, $other_key)->{status}, 201, 'another key is not affected');
is($tally->http('GET', '/health/live')->{status}, 200, 'nor is health');
all_stored('what was acknowledged is stored, what was refused is not');

ok($tally->stop, 'all ends well');
done_testing;
