# nginx's own errors are JSON, carry the CORS headers, and say what to do: also
# when the responders behind it are not there, and when the request was so
# broken that nginx never found out what was asked.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP qw(decode_json);
use TallyTest;
use Test::More;

my $tally = TallyTest->new;
$tally->start_nginx;

my $events = '/3.0/projects/0123456789abcdef01234567/events';
my $count = '/3.0/projects/0123456789abcdef01234567/queries/count';

# check_error(title, status, error_code, headers, body)
sub check_error
{
	my ($title, $r, $status, $code) = @_;
	my $error = eval { decode_json($r->{content}) } // {};

	is($r->{status}, $status, "$title: status $status");
	is($error->{error_code}, $code, "$title: $code");
	ok($error->{message}, "$title: a message");
	is($r->{headers}{'content-type'}, 'application/json',
		"$title: said to be JSON");
	is($r->{headers}{'access-control-allow-origin'},
		'*', "$title: readable for browsers");
}

# raw(bytes) -- the answer to a request that no decent client sends.
sub raw
{
	my ($head, $content) = split /\r\n\r\n/, $tally->http_raw($_[0]), 2;
	my ($first, @lines) = split /\r\n/, $head;
	my %headers = map { my ($k, $v) = split /: /, $_, 2; (lc $k, $v) } @lines;
	return {
		status => (split / /, $first)[1],
		headers => \%headers,
		content => $content,
	};
}

# Nothing runs behind nginx: each class says so, and when to come back.
for ([ 'events', 'POST', $events ],
	[ 'queries', 'GET', $count ],
	[ 'health', 'GET', '/health/ready' ],
	[ 'query health', 'GET', '/health/query/ready' ])
{
	my ($title, $method, $path) = @$_;
	my $r = $tally->http($method, $path, $method eq 'POST' ? (body => '{}') : ());
	check_error("$title without a responder",
		$r, 502, 'ServiceUnavailableError');
	like($r->{headers}{'retry-after'}, qr/^[123]$/, "$title: Retry-After");
}

# Those who are refused together do not come back together.
{
	my %seconds;
	for (1 .. 200)
	{
		$seconds{ $tally->http('GET', '/health/ready')
			->{headers}{'retry-after'} // 'none' }++;
		last if keys %seconds == 3;
	}
	is(join(' ', sort keys %seconds), '1 2 3', 'Retry-After differs');
}

check_error('another path', $tally->http('GET', '/'), 404,
	'ResourceNotFoundError');
check_error('TRACE', $tally->http('TRACE', '/3.0'), 405,
	'MethodNotAllowedError');
check_error('a query of 300 kB',
	$tally->http('POST', $count, body => 'x' x 300_000),
	413, 'RequestTooLargeError');
check_error('events of 11 MB',
	$tally->http('POST', $events, body => 'x' x 11_000_000),
	413, 'RequestTooLargeError');
check_error('events of 9.9 MB are let through',
	$tally->http('POST', $events, body => 'x' x 9_900_000),
	502, 'ServiceUnavailableError');

my $end = "Host: tally\r\nConnection: close\r\n\r\n";
check_error('a request line of 30 kB',
	raw('GET /' . 'a' x 30_000 . " HTTP/1.1\r\n$end"),
	414, 'RequestTooLargeError');
check_error('a request line of 16 kB is let through',
	raw("GET $events?data=" . 'a' x 16_000 . " HTTP/1.1\r\n$end"),
	502, 'ServiceUnavailableError');
check_error('a header of 30 kB',
	raw("GET / HTTP/1.1\r\nAuthorization: " . 'a' x 30_000 . "\r\n$end"),
	400, 'RequestTooLargeError');
check_error('a method that is none',
	raw("GE\x01T / HTTP/1.1\r\n$end"), 400, 'BadRequestError');
check_error('another HTTP',
	raw("GET / HTTP/9.1\r\n$end"), 505, 'BadRequestError');
check_error('an unknown transfer encoding',
	raw("POST $events HTTP/1.1\r\nTransfer-Encoding: x\r\n$end"),
	501, 'BadRequestError');

# The question of a browser before its request.
my $r = $tally->http('OPTIONS', $events);
is($r->{status}, 204, 'preflight: 204');
is($r->{headers}{'access-control-allow-origin'}, '*', 'preflight: origin');
like($r->{headers}{'access-control-allow-headers'},
	qr/Authorization, Content-Type, keen-sdk/, 'preflight: headers');
is($tally->http('OPTIONS', $_->[0])->{headers}{'access-control-allow-methods'},
	$_->[1], "preflight: methods of $_->[0]")
	for [ $events, 'POST, OPTIONS' ],
	[ "$events/clicks", 'GET, HEAD, POST, OPTIONS' ],
	[ '/3.0/projects/x/queries/count', 'GET, HEAD, POST, OPTIONS' ],
	[ '/3.0/projects/x/queries', 'GET, HEAD, OPTIONS' ],
	[ '/health/live', 'GET, HEAD, OPTIONS' ];

# A key in the query string is nobody's business but the responder's.
$tally->http('GET', "$events?api_key=SECRET&data=x");
unlike($tally->log_text('nginx'), qr/SECRET/, 'no key in the log of ingest');

ok($tally->stop_nginx, 'nginx stops');
done_testing;
