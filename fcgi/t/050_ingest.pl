# What tally-write answers to whom, and that what it took is in the database:
# single events, batches, and every wrong request with the right status and a
# JSON error that names what is wrong.
#
# Measures no times.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../../deploy/t/lib";

use JSON::PP ();
use TallyTest;
use Test::More;
use Time::HiRes qw(time);

my $tally = TallyTest->new(name => 'ingest');
$tally->start_postgres;
my $p = $tally->create_project('one');
my $other = $tally->create_project('other');
$tally->start_write(key_refresh_ms => 200, spool_file_mb => 1,
	spool_reserve_mb => 0);
$tally->start_nginx;

my $base = "/3.0/projects/$p->{project}/events";

# Without keys nothing is let through, and nothing is a 401 that is not one.
$tally->wait_until('the keys',
	sub { $tally->http('POST', $base, key => $p->{write_key}, json => {})
			->{status} != 503 });

sub post { my ($path, %o) = @_;
	return $tally->http('POST', "$base$path", key => $p->{write_key}, %o) }

# is_error(response, status, code, like, title)
sub is_error
{
	my ($r, $status, $code, $like, $title) = @_;
	subtest $title => sub {
		is($r->{status}, $status, 'status');
		is($r->{headers}{'content-type'}, 'application/json', 'type');
		is(ref $r->{json}, 'HASH', 'a JSON object')
			or return diag(substr $r->{content}, 0, 500);
		is($r->{json}{error_code}, $code, 'error_code');
		like($r->{json}{message}, $like, 'message');
		is($r->{headers}{'access-control-allow-origin'}, '*', 'CORS');
		unlike($r->{content}, qr/SELECT|tally\.|\.c:|<html/, 'tells no more');
	};
	return;
}

#-----------------------------------------------------------------------------
# What is right
#-----------------------------------------------------------------------------

my $r = post('/orders', json => { sku => 'tea', price => 4.5 });
is($r->{status}, 201, 'an event is created');
is($r->{content}, '{"created":true}', 'and the answer is Keen\'s');
is($r->{headers}{'content-type'}, 'application/json', 'as JSON');
is($r->{headers}{'access-control-allow-origin'}, '*', 'for any page');

$r = post('/a%2Fb%20c', body => ' {"keen" : {"timestamp":
	"2024-03-01T09:30:00.123+02:00"}, "n":[1,2], "s":"caf\u00e9 '
	. "\xe2\x82\xac" . '"} ');
is($r->{status}, 201, 'a name with a slash, blanks, a timestamp');
$r = post('/orders?api_key=nonsense', json => {});
is($r->{status}, 201, 'an empty event; the header wins over api_key');
$r = $tally->http('POST', "$base/orders?api_key=$p->{write_key}",
	body => '{"beacon":true}',
	headers => { 'Content-Type' => 'text/plain;charset=UTF-8' });
is($r->{status}, 201, 'sendBeacon: api_key, text/plain');
is(post('/orders', key => $p->{master_key}, json => { master => 1 })
		->{status}, 201, 'the master key may write');

my $began = time;
$tally->wait_for_events(5);
cmp_ok(time - $began, '<', 1.5, 'they are in the database within a second');

is($tally->psql(<<'SQL'), "2024-03-01 07:30:00.123+00|[1, 2]|caf\x{c3}\x{a9} \x{e2}\x{82}\x{ac}", 'with its time and its values');
SELECT e.at, e.properties -> 'n', e.properties ->> 's'
FROM tally_store.event e JOIN tally_store.collection c USING (collection_id)
WHERE c.name = 'a/b c'
SQL
is($tally->psql(<<'SQL'), 't', 'without a timestamp it happened when it came');
SELECT bool_and(at = received_at AND now() - at < '1 min'::interval)
FROM tally_store.event e JOIN tally_store.collection c USING (collection_id)
WHERE c.name = 'orders'
SQL

#-----------------------------------------------------------------------------
# Batches
#-----------------------------------------------------------------------------

my $before = $tally->psql('SELECT count(*) FROM tally_store.event');
$r = post('', body => '{"orders": [{"sku": "tea"}, {"$bad": 1}, 7,
	{"deep": {"a.b": 1}}, {"l": [[1]]}, {"keen": {"nope": 1}},
	{"n": 1e400}, {"s": "\u0000"}, {"s": "\ud800"},
	{"keen": {"timestamp": "yesterday"}}, {"keen": {"timestamp": 7}},
	{"keen": {"uniqueness_token": ""}}, {"last": true}],
	"_no": [{"a": 1}], "visits": [], "caf\u00e9": [{}], "pages": [{"u": "/"}]}');
is($r->{status}, 200, 'a batch is 200, whatever becomes of its events');
my @errors = map { $_->{success} ? 'ok' : $_->{error}{name} }
	@{ $r->{json}{orders} };
is_deeply(\@errors, [qw(ok InvalidPropertyNameError InvalidEventError
	InvalidPropertyNameError ListsOfNonPrimitivesNotAllowedError
	InvalidKeenNamespaceProperty InvalidPropertyValueError
	InvalidPropertyValueError InvalidPropertyValueError
	InvalidPropertyValueError InvalidPropertyValueError
	InvalidPropertyValueError ok)], 'one entry an event, in order');
is($r->{json}{orders}[1]{error}{description},
	'A property name may not begin with a dollar sign: $bad',
	'which names the property');
like($r->{json}{orders}[9]{error}{description},
	qr/keen\.timestamp .*not yesterday/, 'or the value');
is($r->{json}{_no}[0]{error}{name}, 'InvalidCollectionNameError',
	'a collection that may not be called so fails its events');
is(scalar @{ $r->{json}{visits} }, 0, 'an empty list stays one');
is($r->{json}{"caf\x{e9}"}[0]{error}{name}, 'InvalidCollectionNameError',
	'a name is said back as it is');
like($r->{content}, qr/^\{"orders":.*"_no":.*"visits":.*"pages":/,
	'collections come back in the order of the request');
is($r->{json}{pages}[0]{success}, JSON::PP::true, 'and the others go on');
unlike($r->{content}, qr/error_code/, 'no error_code in a success');
$tally->wait_for_events($before + 3);

# A thousand at once, and exactly once.
my @many = map { { n => $_ } } 1 .. 1000;
is(post('', json => { many => \@many })->{status}, 200, 'a thousand events');
$tally->wait_for_events($before + 1003);
is($tally->psql(<<'SQL'), '1000|500500', 'are there, each once');
SELECT count(*), sum((properties ->> 'n')::int)
FROM tally_store.event e JOIN tally_store.collection c USING (collection_id)
WHERE c.name = 'many'
SQL

# The same token twice, alone and in a batch; in another collection it is
# another event.
my $token = { keen => { uniqueness_token => 'abc' }, v => 1 };
is(post('/once', json => $token)->{status}, 201, 'an event with a token');
is(post('/once', json => $token)->{status}, 201, 'again');
is(post('', json => { once => [ $token, $token ], twice => [$token] })
		->{status}, 200, 'and in a batch');
is(post('/end', json => {})->{status}, 201, 'and another behind it');
$tally->wait_until('the last of them', sub { $tally->psql(
	"SELECT count(*) FROM tally_store.collection WHERE name = 'end'") });
is($tally->psql(<<'SQL'), 'once:1 twice:1', 'is stored once a collection');
SELECT string_agg(name || ':' || n, ' ' ORDER BY name) FROM (
	SELECT c.name, count(*) AS n FROM tally_store.event e
	JOIN tally_store.collection c USING (collection_id)
	WHERE c.name IN ('once', 'twice') GROUP BY 1) x
SQL

#-----------------------------------------------------------------------------
# In a URL
#-----------------------------------------------------------------------------

sub get { my ($query, %o) = @_;
	return $tally->http('GET', "$base/pixel?api_key=$p->{write_key}&$query", %o) }

# {"u":"~~~???"} has both special characters of base64 in it
my ($plus, $slash) = ('eyJ1Ijoifn5+IiwidiI6Ij8/PyJ9', 'eyJ1Ijoifn5-IiwidiI6Ij8_PyJ9');
$r = get('data=eyJ1Ijoifn5%2BIiwidiI6Ij8%2FPyJ9&modified=1&c=clv1');
is($r->{status}, 200, 'an event in a URL');
is($r->{headers}{'content-type'}, 'image/gif', 'is answered by an image');
is(length $r->{content}, 43, 'of one pixel');
is($r->{headers}{'cache-control'}, 'no-store', 'that nobody keeps');
is(get("data=$plus")->{status}, 200, 'a + that was not encoded');
is(get("data=$slash")->{status}, 200, 'the alphabet for URLs');
$r = get("data=$slash&jsonp=keenJSONPCallback123");
is($r->{content}, '/**/keenJSONPCallback123({"created":true});', 'a script');
is($r->{headers}{'content-type'}, 'application/javascript', 'as such');
$r = get("data=$slash&redirect=http%3A%2F%2Fexample.org%2F%3Fa%3Db");
is("$r->{status} $r->{headers}{location}", '302 http://example.org/?a=b',
	'a redirect');
$r = get('data=W10&jsonp=f');
is($r->{status}, 200, 'an error for a script is 200');
like($r->{content}, qr/^\/\*\*\/f\(\{.*"error_code":"InvalidEventError"\}\);$/,
	'and says what is wrong');
is_error(get('data=W10'), 400, 'InvalidEventError', qr/JSON object/,
	'no object');
is_error(get('data=W1'), 400, 'InvalidJSONError', qr/too early/, 'cut short');
is_error(get('data=%7B%7D'), 400, 'InvalidParameterError', qr/base64/,
	'not base64');
is_error(get('x=y'), 400, 'MissingRequiredRequestFieldError', qr/data/,
	'no data');
is_error(get("data=$slash&jsonp=alert(1)"), 400, 'InvalidParameterError',
	qr/jsonp/, 'a callback that is code');
is_error(get("data=$slash&redirect=javascript%3Aalert(1)"), 400,
	'InvalidParameterError', qr/redirect/, 'a redirect that is code');
is_error(get("data=$slash&redirect=http%3A%2F%2Fa%0D%0AX%3A%20y"), 400,
	'InvalidParameterError', qr/redirect/, 'a redirect with a second header');
is_error($tally->http('GET', "$base/pixel?data=$slash"), 401,
	'InvalidApiKeyError', qr/key/, 'without a key');
$tally->wait_until('the five of them', sub { $tally->psql(<<'SQL') eq '5' });
SELECT count(*) FROM tally_store.event e
JOIN tally_store.collection c USING (collection_id)
WHERE c.name = 'pixel' AND properties = '{"u": "~~~", "v": "???"}'
SQL
pass('all that were taken are stored, and right');

#-----------------------------------------------------------------------------
# What is wrong
#-----------------------------------------------------------------------------

is_error(post('/c', key => undef, json => {}), 401, 'InvalidApiKeyError',
	qr/key is needed/, 'no key');
is_error(post('/c', key => 'F' x 64, json => {}), 401, 'InvalidApiKeyError',
	qr/not known/, 'an unknown key');
is_error(post('/c', key => $p->{read_key}, json => {}), 401,
	'InvalidApiKeyError', qr/write key/, 'a read key does not write');
is_error(post('/c', key => $other->{write_key}, json => {}), 401,
	'InvalidApiKeyError', qr/another project/, 'a key of another project');
is_error($tally->http('POST', '/3.0/projects/' . 'b' x 24 . '/events/c',
		key => $p->{write_key}, json => {}),
	404, 'ResourceNotFoundError', qr/no project/, 'an unknown project');
is_error($tally->http('PUT', "$base/c", key => $p->{write_key}, json => {}),
	405, 'MethodNotAllowedError', qr/POST/, 'another method');

my $deep = '{"a":' x 65 . '1' . '}' x 65;
for my $bad (
	[ 'malformed', '{"a": }', 'InvalidJSONError', qr/not JSON \(at byte 6\)/ ],
	[ 'nothing', '', 'InvalidJSONError', qr/ends too early/ ],
	[ 'cut short', '{"a": 1', 'InvalidJSONError', qr/ends too early/ ],
	[ 'two documents', '{} {}', 'InvalidJSONError', qr/byte 3/ ],
	[ 'not UTF-8', "{\"a\": \"\xff\"}", 'InvalidJSONError', qr/UTF-8/ ],
	[ 'a raw NUL', "{\"a\": \"\0\"}", 'InvalidJSONError', qr/control/ ],
	[ 'a byte order mark', "\xef\xbb\xbf{}", 'InvalidJSONError', qr/byte 0/ ],
	[ 'NaN', '{"a": NaN}', 'InvalidJSONError', qr/byte 6/ ],
	[ 'a list', '[1]', 'InvalidEventError', qr/must be a JSON object/ ],
	[ 'a string', '"a"', 'InvalidEventError', qr/must be a JSON object/ ],
	[ 'too deep', $deep, 'InvalidPropertyValueError', qr/64 levels deep: a/ ],
	[ 'a NUL', '{"a": "x\u0000"}', 'InvalidPropertyValueError', qr/u0000: a/ ],
	[ 'a lone surrogate', '{"b": "\udc00"}', 'InvalidPropertyValueError',
		qr/surrogate pair: b/ ],
	[ 'a huge number', '{"c": 1e309}', 'InvalidPropertyValueError',
		qr/double can hold: c/ ],
	[ 'more than numeric', '{"c": 1e131072}', 'InvalidPropertyValueError',
		qr/double can hold: c/ ],
	[ 'a long string', '{"d": "' . 'x' x 10000 . '"}',
		'InvalidPropertyValueError', qr/fewer than 10000 bytes: d/ ],
	[ 'a dotted name', '{"a.b": 1}', 'InvalidPropertyNameError',
		qr/dot: a\.b/ ],
	[ 'a dollar', '{"$a": 1}', 'InvalidPropertyNameError', qr/dollar.*\$a/ ],
	[ 'a long name', '{"' . 'n' x 256 . '": 1}', 'InvalidPropertyNameError',
		qr/255 bytes: n{64}\.\.\./ ],
	[ 'a list of lists', '{"l": [[]]}', 'ListsOfNonPrimitivesNotAllowedError',
		qr/list may hold only .*: l/ ],
	[ 'keen that is none', '{"keen": 1}', 'InvalidKeenNamespaceProperty',
		qr/keen is reserved/ ],
	[ 'unknown in keen', '{"keen": {"x": 1}}', 'InvalidKeenNamespaceProperty',
		qr/may hold only timestamp.*: x/ ],
	[ 'a bad day', '{"keen": {"timestamp": "2024-02-30"}}',
		'InvalidPropertyValueError', qr/ISO 8601.*2024-02-30/ ],
	[ 'a number as timestamp', '{"keen": {"timestamp": 1709285400}}',
		'InvalidPropertyValueError', qr/ISO 8601.*1709285400/ ],
	[ 'markup', '{"<b>\"": [[]]}', 'ListsOfNonPrimitivesNotAllowedError',
		qr/: <b>"/ ])
{
	my ($title, $body, $code, $like) = @$bad;
	is_error(post('/c', body => $body), 400, $code, $like, $title);
}

for my $name ('', '_x', '.x', 'x.', 'a%24b', 'caf%C3%A9', 'x' x 65, 'a%0Ab')
{
	next if $name eq '';
	is_error(post("/$name", json => {}), 400, 'InvalidCollectionNameError',
		qr/1 to 64 printable/, "a collection called $name");
}

for my $bad (
	[ '[]', 'InvalidBatchError', qr/object of lists/ ],
	[ '{"c": {}}', 'InvalidBatchError', qr/object of lists.*byte 6/ ],
	[ '{"c": [{}', 'InvalidJSONError', qr/too early/ ],
	[ '{"c": [{"a": 1}, {"a": }]}', 'InvalidJSONError', qr/byte 23/ ],
	[ '{"c": [{}]} x', 'InvalidJSONError', qr/byte 12/ ])
{
	my ($body, $code, $like) = @$bad;
	is_error(post('', body => $body), 400, $code, $like, "batch $body");
}

is_error(post('/c', body => '{"a":"' . ' ' x 900_000 . '"}'), 413,
	'RequestTooLargeError', qr/900000 bytes/, 'an event over the limit');
is_error(post('', body => ' ' x 10_000_001), 413, 'RequestTooLargeError',
	qr/10000000 bytes/, 'a batch over the limit');
is_error(post('', body => '{"c": [' . join(',', ('{}') x 50_001) . ']}'), 413,
	'RequestTooLargeError', qr/50000 events/, 'too many events');
is(post('', body => '{"c": [{"s":"' . 'x' x 9000 . '"}]}' . ' ' x 9_900_000)
		->{status}, 200, 'a batch within the limit');

# A request that was refused stored nothing.
is(post('/very_last', json => {})->{status}, 201, 'after all that');
$tally->wait_until('the very last', sub { $tally->psql(
	"SELECT count(*) FROM tally_store.collection WHERE name = 'very_last'") });
is($tally->psql(<<'SQL'), '1', 'of c only the one that was right is there');
SELECT count(*) FROM tally_store.event e
JOIN tally_store.collection c USING (collection_id) WHERE c.name = 'c'
SQL

#-----------------------------------------------------------------------------
# Health, settings, the end
#-----------------------------------------------------------------------------

$r = $tally->http('GET', '/health/live');
is("$r->{status} $r->{json}{status}", '200 pass', 'it lives');
is($r->{headers}{'content-type'}, 'application/health+json', 'and says so');
$r = $tally->http('GET', '/health/ready');
is("$r->{status} $r->{json}{status}", '200 pass', 'it is ready')
	or diag($r->{content});
is($r->{json}{checks}{'database:delay'}[0]{observedUnit}, 's',
	'and tells how late the database is');

ok(!-e $tally->dir . '/spool/dead-letters.jsonl', 'no dead letters');

my $start = time;
$tally->signal('write', 'TERM');
ok($tally->wait_for_exit('write', 5), 'SIGTERM ends it');
cmp_ok(time - $start, '<', 1, 'within a second when idle');
is($tally->exit_status('write'), 0, 'with status 0');
ok(!-e $tally->write_socket, 'and without its socket');
is_error(post('/c', json => {}), 502, 'ServiceUnavailableError',
	qr/not running/, 'then nginx answers');

done_testing();
