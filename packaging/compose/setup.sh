#!/bin/sh
# setup.sh FOLDER: makes what is secret in FOLDER/galka, kafka, redis and postgres: an authority and its certificates, passwords, the
# server's keys, and the configurations of Kafka and Redis, which hold passwords. What is there already stays. Run by compose.yaml.
#
# Who owns it: the users of the images galka, apache/kafka, redis and postgres.
set -eu
umask 077

folder=$1
galka_user=10143
kafka_user=1000
redis_user=999
postgres_user=999
days=3650
galkad=${GALKAD:-galkad}

mkdir -p "$folder/galka" "$folder/kafka" "$folder/redis" "$folder/postgres"

# quietly COMMAND...: what it says is shown if it fails.
quietly() {
        said=$("$@" 2>&1) || { printf 'setup: %s\n' "$said" >&2; exit 1; }
}

# once FILE COMMAND...: makes FILE, given to the command as its last argument, whole or not at all.
once() {
        file=$1
        shift
        [ -e "$file" ] && return
        rm -f "$file.part"
        quietly "$@" "$file.part"
        mv "$file.part" "$file"
}

# The authority's key signs the three and nothing else later; it stays with galka's secrets, which no engine sees.
ca=$folder/galka/ca
once "$ca.key" openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out
once "$ca.pem" openssl req -x509 -key "$ca.key" -days $days -subj "/CN=galka" -addext basicConstraints=critical,CA:TRUE -out

password() {
        openssl rand -hex 24 > "$1"
}

for engine in kafka redis postgres; do
        own=$folder/$engine
        once "$own/server.key" openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out
        once "$own/server.csr" openssl req -new -key "$own/server.key" -subj "/CN=$engine" -out
        printf 'subjectAltName=DNS:%s\nextendedKeyUsage=serverAuth\n' $engine > "$own/server.ext"
        once "$own/server.pem" openssl x509 -req -in "$own/server.csr" -CA "$ca.pem" -CAkey "$ca.key" -set_serial "0x$(openssl rand -hex 8)" \
                -days $days -extfile "$own/server.ext" -out
        rm -f "$own/server.ext"
        once "$own/password" password
        cp "$ca.pem" "$own/ca.pem"
        cp "$own/password" "$folder/galka/$engine-password"
done

cat "$folder/kafka/server.key" "$folder/kafka/server.pem" "$folder/kafka/ca.pem" > "$folder/kafka/server-all.pem"
cat > "$folder/kafka/server.properties" << END
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@localhost:9094
listeners=CLIENT://:9092,BROKER://localhost:9093,CONTROLLER://localhost:9094
advertised.listeners=CLIENT://kafka:9092,BROKER://localhost:9093
listener.security.protocol.map=CLIENT:SASL_SSL,BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=BROKER
controller.listener.names=CONTROLLER
sasl.enabled.mechanisms=PLAIN
listener.name.client.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_galka="$(cat "$folder/kafka/password")";
listener.name.client.ssl.keystore.type=PEM
listener.name.client.ssl.keystore.location=/mnt/shared/config/server-all.pem
log.dirs=/var/lib/kafka/data
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
END

cat > "$folder/redis/redis.conf" << END
port 0
tls-port 6379
tls-cert-file /secrets/server.pem
tls-key-file /secrets/server.key
tls-ca-cert-file /secrets/ca.pem
tls-auth-clients no
requirepass $(cat "$folder/redis/password")
save ""
appendonly no
END

[ -e "$folder/galka/keys" ] || quietly "$galkad" keys "$folder/galka/keys"

# Elsewhere than in a container nobody else needs it.
[ "$(id -u)" = 0 ] || exit 0
chown -R $galka_user:$galka_user "$folder/galka"
chown root:root "$ca.key"
chown -R $kafka_user:$kafka_user "$folder/kafka"
chown -R $redis_user:$redis_user "$folder/redis"
chown -R $postgres_user:$postgres_user "$folder/postgres"
