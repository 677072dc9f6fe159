# What nginx answers itself is counted (deploy/nginx/count): each error once,
# by what was asked and by its code, and nothing that a responder answered.
#
# Measures no times.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use File::Copy qw(copy);
use IO::Socket::INET;
use IO::Socket::UNIX;
use IPC::Run ();
use Socket qw(SOCK_STREAM);
use TallyTest;
use Test::More;

my $tally = TallyTest->new(name => 'counts');
my $dir = $tally->dir;

# As Debian's nginx.conf does, and as /etc/nginx/tally.
mkdir "$dir/tally" or die $!;
for my $file (glob "$TallyTest::ROOT/deploy/nginx/count/*.conf")
{
	copy($file, "$dir/tally") or die "$file: $!";
}
open my $modules, '>', "$dir/tally/modules.conf" or die $!;
for my $module (qw(ndk_http_module ngx_http_lua_module))
{
	print $modules "load_module /usr/lib/nginx/modules/$module.so;\n";
}
close $modules;

$tally->start_nginx(edit => sub {
	s/client_(header|body)_timeout 10s/client_$1_timeout 1s/g;
	s/(fastcgi_read_timeout) 15s/$1 1s/;
	# one query with this key, then two more
	s/(zone=tally_query_rate:10m rate)=100r\/s/$1=1r\/m/;
	s/(zone=tally_query_rate) burst=200/$1 burst=2/;
});

my $events = '/3.0/projects/p/events';
my $queries = '/3.0/projects/p/queries/count';
my %expected;

# counts -- {route => {code => number}} of what is not 0.
sub counts
{
	my %count;
	my $text = $tally->http('GET', '/metrics/nginx')->{content};
	while ($text =~ /^tally_nginx_answers_total\{route="(\w+)",status="(\d)xx",code="(\d+)"\} (\d+)$/mg)
	{
		die "$3 is no ${2}xx" unless substr($3, 0, 1) eq $2;
		$count{$1}{$3} = $4 if $4;
	}
	return \%count;
}

# asked(route, code, title, reply) -- that was the answer, and is counted.  A
# counter is moved just after its answer was sent.
sub asked
{
	my ($route, $code, $title, $r, $seen) = @_;
	my $status = ref $r ? $r->{status} : ($r =~ m{^HTTP/1.1 (\d+)})[0] // 'none';
	is($status, $seen // ($code == 494 ? 400 : $code), "$title: its status");
	my $want = ++$expected{$route}{$code};
	ok(eval { $tally->wait_until('the count', sub {
		(counts()->{$route}{$code} // 0) >= $want }) }, "$title: counted");
	return;
}

sub post { my ($path, %o) = @_;
	return $tally->http('POST', $path, body => '{}', %o) }

is_deeply(counts(), {}, 'nothing is counted before anything happened');
like($tally->http('GET', '/metrics/nginx')->{content},
	qr/route="events",status="5xx",code="502"\} 0$/m, 'but is there, with 0');

asked('events', 502, 'an event, tally-write away', post("$events/c"));
asked('events', 502, 'once more', post($events));
asked('queries', 502, 'a query, tally-read away',
	$tally->http('GET', $queries, key => 'a'));
asked('health', 502, 'health', $tally->http('GET', '/health/ready'));
asked('metrics', 502, 'metrics', $tally->http('GET', '/metrics/write'));
asked('other', 404, 'another path', $tally->http('GET', '/x'));
asked('other', 405, 'a method that is none',
	$tally->http_raw("TRACE / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
asked('events', 413, 'a body too large', $tally->http_raw(
	"POST $events HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n"
		. "Connection: close\r\n\r\n"));
# (nginx closes the connection of who is too slow: there is no answer to read)
asked('events', 408, 'a body that does not come', $tally->http_raw(
	"POST $events HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"), 'none');
asked('other', 414, 'a line too long',
	$tally->http_raw('GET /' . 'x' x 30_000 . " HTTP/1.1\r\n\r\n"));
asked('queries', 494, 'a header too large', $tally->http_raw("GET $queries "
		. "HTTP/1.1\r\nHost: x\r\nX-Large: " . 'x' x 30_000 . "\r\n\r\n"));
asked('other', 400, 'no HTTP', $tally->http_raw("NONSENSE\r\n\r\n"));
asked('other', 408, 'half a request line',
	$tally->http_raw("GET $queries"), 'none');

# A responder that takes what comes and says nothing.
my $mute = IO::Socket::UNIX->new(Type => SOCK_STREAM, Listen => 64,
	Local => $tally->read_socket) or die $!;
chmod 0777, $tally->read_socket;
asked('queries', 504, 'no answer in time',
	$tally->http('GET', $queries, key => 'b'));
my $leaves = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$tally->{port}")
	or die $!;
print $leaves "GET $queries HTTP/1.1\r\nHost: x\r\nAuthorization: c\r\n\r\n";
$leaves->flush;
my @held = map { scalar $mute->accept } 1 .. 2;    # its own is the second
close $leaves;
asked('queries', 499, 'a client that leaves', '', 'none');
close $mute;
unlink $tally->read_socket;
asked('queries', 502, "a key's second query",
	$tally->http('GET', $queries, key => 'a'));
asked('queries', 502, 'its third', $tally->http('GET', $queries, key => 'a'));
asked('queries', 429, 'one too many',
	$tally->http('GET', $queries, key => 'a'));

# What a responder answers is its own to count.
$tally->start_write(database => "host=$dir/run dbname=none", spool_reserve_mb => 0);
isnt(post("$events/c")->{status}, 201, 'tally-write refuses: it knows no keys');
is($tally->http('GET', '/health/live')->{status}, 200, 'and is alive');
is_deeply(counts(), \%expected, 'everything was counted once, nothing else');

# A reload starts other workers.
$tally->signal('nginx', 'HUP');
asked('other', 404, 'after a reload', $tally->http('GET', '/x')) for 1 .. 3;
is_deeply(counts(), \%expected, 'a reload forgets nothing');

my $text = $tally->http('GET', '/metrics/nginx');
like($text->{headers}{'content-type'}, qr{^text/plain; version=0\.0\.4},
	'the type is the one of Prometheus');
my $said = '';
ok(IPC::Run::run([ 'promtool', 'check', 'metrics' ], '<', \$text->{content},
	'>&', \$said), 'promtool reads it') or diag($said);
is($said, '', 'and has nothing to say');

unlike($tally->log_text('nginx'), qr/log_by_lua/, 'and never did it fail');

my $other = IO::Socket::INET->new(LocalAddr => '127.0.0.2',
	PeerAddr => "127.0.0.1:$tally->{port}") or die $!;
print $other "GET /metrics/nginx HTTP/1.0\r\n\r\n";
like(join('', <$other>), qr{^HTTP/1.1 404 }, 'others see nothing');

done_testing();
