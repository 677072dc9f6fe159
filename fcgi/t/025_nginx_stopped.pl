# nginx stands still while both programs answer it: who takes nothing is given
# up, costs nobody else any time, and nothing is left of it.
#
# Small answers fit into the socket's buffer, which takes them at once; large
# ones do not, and what does not fit waits in a thread of its own (sender.h).
# Rounds before it are the same without the standstill, to compare with.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../../deploy/t/lib";

use IO::Select;
use IO::Socket::INET;
use List::Util qw(max);
use Records;
use Standin;
use TallyTest;
use Test::More;
use Time::HiRes qw(sleep time);

# Of one send, in request.c, and what a test machine may add.
my $SEND_TIMEOUT_S = 5;
my $SPARE_S = 2.5;

# More at a time than there are threads or slots.
my %many = (small => 24, large => 12, cached => 24, shared => 12, streamed => 1);

my $tally = TallyTest->new(name => 'stopped');
my $p = Standin::start($tally);
$tally->start_write(key_refresh_ms => 200, spool_file_mb => 4,
	spool_reserve_mb => 0);
$tally->start_read(key_refresh_ms => 200, connections => 2, threads => 2,
	cache_fresh_min_ms => 300_000, cache_fresh_ms => 300_000);
$tally->start_nginx(edit => sub {
	s/^\s*limit_(conn|req) .*\n| max_conns=\d+//mg;
	# the programs stand still for a while, too
	s/(fastcgi_read_timeout) 2500ms/$1 25s/;
});
my $events = "/3.0/projects/$p->{project}/events";
my $queries = "/3.0/projects/$p->{project}/queries";
my $big = "$queries/big?pieces=800";
$tally->wait_until('the keys', sub {
	$tally->http('POST', $events, key => $p->{write_key}, json => {})->{status}
		== 200 && $tally->http('GET', $queries, key => $p->{read_key})->{status}
		== 200 });

#-----------------------------------------------------------------------------
# What is asked
#-----------------------------------------------------------------------------

my $round = 0;

# bytes_of(kind, n) -- a request as a client of nginx sends it.
sub bytes_of
{
	my ($kind, $n) = @_;
	my $head = "HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization:";
	if ($kind eq 'small' || $kind eq 'large')
	{
		my $path = $kind eq 'small' ? "$events/c" : $events;
		my $body = $kind eq 'small' ? "{\"n\": $n}"
			: '{"c": [' . join(',', ('{}') x 20_000) . ']}';
		return "POST $path $head $p->{write_key}\r\nContent-Length: "
			. length($body) . "\r\n\r\n$body";
	}
	my $path = $kind eq 'cached' ? $big
		: $kind eq 'shared' ? "$big&round=$round"
		: "$queries/big?pieces=5000&round=$round";
	return "GET $path $head $p->{read_key}\r\n\r\n";
}

sub ask
{
	my ($kind, $n) = @_;
	my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$tally->{port}")
		or die "connect: $!";
	print $s bytes_of($kind, $n);
	$s->flush;
	$s->blocking(0);
	return { kind => $kind, socket => $s, in => '' };
}

# collect(clients) -- all that comes, until each is closed or the time is up.
sub collect
{
	my ($seconds, @clients) = @_;
	my %open = map { $_->{socket} => $_ } @clients;
	my $select = IO::Select->new(map { $_->{socket} } @clients);
	my $end = time + $seconds;
	while (%open && time < $end)
	{
		for my $s ($select->can_read(0.1))
		{
			my $n = sysread $s, $open{$s}{in}, 1 << 20, length $open{$s}{in};
			next if $n || (!defined $n && $!{EAGAIN});
			$select->remove($s);
			delete $open{$s};
		}
	}
	$_->{hangs} = 1 for values %open;
	return;
}

# outcome(client) -- "200 whole", "200 cut", "502 whole", "hangs"
sub outcome
{
	my ($c) = @_;
	return 'hangs' if $c->{hangs};
	my ($head, $body) = split /\r\n\r\n/, $c->{in}, 2;
	my ($status) = ($head // '') =~ m{^HTTP/1\.1 (\d+)} or return 'nothing';
	my ($length) = $head =~ /^Content-Length: (\d+)/mi;
	my $whole = defined $length ? $length == length $body
		: $body =~ /\r\n0\r\n\r\n\z/;
	return "$status " . ($whole ? 'whole' : 'cut');
}

# outcomes(clients) -- "200 whole x 3, ..." of each kind
sub outcomes
{
	my %n;
	$n{ $_->{kind} }{ outcome($_) }++ for @_;
	return { map {
		my $of = $n{$_};
		$_ => join ', ', map { "$_ x $of->{$_}" } sort keys %$of } keys %n };
}

# waiting(path) -- connections that the socket has, accepted or not.
sub waiting
{
	my ($path) = @_;
	open my $fh, '<', '/proc/net/unix' or die $!;
	return (grep { / \Q$path\E$/ } <$fh>) - 1;
}

# halt(name) -- the program stands still; a signal alone is not there yet.
sub halt
{
	my ($name) = @_;
	my $pid = $tally->pid($name);
	$tally->signal($name, 'STOP');
	$tally->wait_until("$name to stand still", sub {
		!grep { open my $fh, '<', $_; (<$fh> // '') !~ /\) T / }
			glob "/proc/$pid/task/*/stat" });
	return;
}

# quiet -- all is answered, and nginx has closed the connections that it kept.
sub quiet
{
	$tally->wait_until('the end of all before', sub { !waiting($tally->write_socket)
			&& !waiting($tally->read_socket) });
	return;
}

# all_waiting -- everybody has asked, and the programs, which stand still, have
# not begun to answer.
sub all_waiting
{
	my %is = ($tally->write_socket => $many{small} + $many{large},
		$tally->read_socket => $many{cached} + $many{shared} + $many{streamed});
	$round++;
	quiet();
	halt($_) for qw(write read);
	my @clients = map { my $kind = $_; map { ask($kind, $_) } 1 .. $many{$kind} }
		sort keys %many;
	$tally->wait_until('nginx to pass all on',
		sub { !grep { waiting($_) != $is{$_} } keys %is });
	sleep 0.3;
	return @clients;
}

# footprint(name) -- (kB resident, descriptors)
sub footprint
{
	my ($name) = @_;
	my $pid = $tally->pid($name);
	open my $fh, '<', "/proc/$pid/status" or die $!;
	my ($rss) = join('', <$fh>) =~ /^VmRSS:\s+(\d+)/m;
	return ($rss, scalar(() = glob "/proc/$pid/fd/*"));
}

#-----------------------------------------------------------------------------
# As it should be
#-----------------------------------------------------------------------------

my $r = $tally->http('GET', $big, key => $p->{read_key});
is(length $r->{content}, 800_000, 'a large answer is kept');
my $all_whole = { map { $_ => "200 whole x $many{$_}" } keys %many };
$all_whole->{small} =~ s/200/201/;
my (@clients, %before);
for (1 .. 3)
{
	@clients = all_waiting();
	$tally->signal($_, 'CONT') for qw(write read);
	collect(60, @clients);
	is_deeply(outcomes(@clients), $all_whole, 'nginx is there: all is answered');
	quiet();
	for my $name (qw(write read))
	{
		my @now = footprint($name);
		$before{$name}[$_] = max($before{$name}[$_] // 0, $now[$_]) for 0, 1;
	}
}

#-----------------------------------------------------------------------------
# nginx stands still
#-----------------------------------------------------------------------------

@clients = all_waiting();
my @nginx = $tally->pids_of('nginx');
cmp_ok(scalar @nginx, '>', 1, 'nginx and its workers stand still');
kill 'STOP', @nginx;
my $since = time;
$tally->signal($_, 'CONT') for qw(write read);

# Others are served meanwhile, as a second nginx would be: all the time until
# those who take nothing have been given up.
my %other = (
	event => [ $tally->write_socket, 'POST', "$events/c", $p->{write_key} ],
	query => [ $tally->read_socket, 'GET', "$queries/echo?n=", $p->{read_key} ],
	cached => [ $tally->read_socket, 'GET', $big, $p->{read_key} ]);
my (%took, %wrong);
while (time - $since < $SEND_TIMEOUT_S + 1)
{
	for my $what (sort keys %other)
	{
		my ($socket, $method, $uri, $key) = @{ $other{$what} };
		my $begin = time;
		$uri .= int rand 1e9 if $what eq 'query';
		my $s = dial($socket);
		send_all($s, join '', request($method, $uri, $key,
				$method eq 'POST' ? '{"n": 0}' : ''));
		my $answer = answer($s, 30);
		push @{ $took{$what} }, time - $begin;
		$wrong{$what} .= substr $answer, 0, 300
			unless $answer =~ /Status: 20[01] /
			&& length $answer > ($what eq 'cached' ? 800_000 : 0);
	}
	sleep 0.05;
}
for my $what (sort keys %other)
{
	is($wrong{$what}, undef, "$what: others are served meanwhile, "
		. @{ $took{$what} } . ' of them');
	cmp_ok(max(@{ $took{$what} }), '<', $SPARE_S,
		"$what: none waits for who takes nothing");
	note(sprintf '%s: the slowest took %.0f ms', $what,
		1000 * max(@{ $took{$what} }));
}

for my $name (qw(write read))
{
	my $fds;
	# of those whose answer is in the buffer the connection is kept
	my $most = $before{$name}[1] + ($name eq 'write' ? $many{small} : 0);
	eval { $tally->wait_until('the end', sub {
		(undef, $fds) = footprint($name); $fds <= $most }, 30) };
	cmp_ok($fds, '<=', $most, "$name: who takes nothing is given up");
}
# an answer that is sent while it is made may wait twice
cmp_ok(time - $since, '<', 2 * $SEND_TIMEOUT_S + $SPARE_S,
	'within the send timeout');

#-----------------------------------------------------------------------------
# And goes on
#-----------------------------------------------------------------------------

kill 'CONT', @nginx;
collect(60, @clients);
my $got = outcomes(@clients);
is($got->{small}, $all_whole->{small},
	'what fitted into the buffer is there when nginx goes on');
unlike($got->{$_}, qr/hangs|nothing/, "$_: everybody is told something")
	for sort keys %$got;
note("$_: $got->{$_}") for sort keys %$got;
unlike($got->{$_}, qr/whole/, "$_: what was cut does not look whole")
	for qw(cached shared streamed large);

@clients = all_waiting();
$tally->signal($_, 'CONT') for qw(write read);
collect(60, @clients);
is_deeply(outcomes(@clients), $all_whole, 'then all is as it was');
quiet();
for my $name (qw(write read))
{
	my ($rss, $fds) = footprint($name);
	cmp_ok($rss, '<', $before{$name}[0] * 1.2 + 8192,
		"$name: no more memory than before ($before{$name}[0] kB, $rss kB)");
	cmp_ok($fds, '<=', $before{$name}[1], "$name: no more descriptors");
}

ok($tally->stop, 'all stops');
done_testing();
