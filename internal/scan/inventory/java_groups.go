package inventory

import "strings"

// javaGroups lists the groups under which well-known artifacts are published on Maven Central, for archives that do not
// say it themselves: those built with Gradle or Ant, or stripped. An artifact that ends in "*" stands for all that begin
// so. The facts are the coordinates of the projects' own releases; a test holds them against the names in advisories.
// An artifact that different groups publish in wide use is not here.
const javaGroups = `
antlr antlr
aopalliance aopalliance
asm asm
axis axis
ch.qos.logback logback-access logback-classic logback-core
cn.hutool hutool-*
com.alibaba druid fastjson
com.amazonaws aws-java-sdk-*
com.caucho hessian
com.fasterxml classmate
com.fasterxml.jackson.core jackson-annotations jackson-core jackson-databind
com.fasterxml.jackson.dataformat jackson-dataformat-*
com.fasterxml.jackson.datatype jackson-datatype-*
com.fasterxml.jackson.module jackson-module-*
com.fasterxml.woodstox woodstox-core
com.google.code.gson gson
com.google.guava guava
com.google.inject guice guice-*
com.google.oauth-client google-oauth-client
com.google.protobuf protobuf-java protobuf-java-util protobuf-javalite protobuf-kotlin protobuf-kotlin-lite
com.h2database h2
com.hazelcast hazelcast
com.jamesmurty.utils java-xmlbuilder
com.jayway.jsonpath json-path
com.jcraft jsch
com.mchange c3p0 mchange-commons-java
com.microsoft.sqlserver mssql-jdbc
com.mysql mysql-connector-j
com.nimbusds nimbus-jose-jwt oauth2-oidc-sdk
com.puppycrawl.tools checkstyle
com.rabbitmq amqp-client
com.squareup.okhttp3 okhttp-tls logging-interceptor
com.squareup.okio okio okio-jvm
com.squareup.retrofit2 retrofit
com.sun.jersey jersey-core
com.sun.mail javax.mail
com.sun.xml.bind jaxb-core jaxb-impl
com.thoughtworks.xstream xstream
com.typesafe.akka akka-actor_* akka-http-core_* akka-http_* akka-stream_*
com.unboundid unboundid-ldapsdk
com.zaxxer HikariCP
commons-beanutils commons-beanutils commons-beanutils-core
commons-cli commons-cli
commons-codec commons-codec
commons-collections commons-collections
commons-configuration commons-configuration
commons-daemon commons-daemon
commons-dbcp commons-dbcp
commons-digester commons-digester
commons-fileupload commons-fileupload
commons-httpclient commons-httpclient
commons-io commons-io
commons-jxpath commons-jxpath
commons-lang commons-lang
commons-logging commons-logging
commons-net commons-net
commons-pool commons-pool
commons-validator commons-validator
dnsjava dnsjava
dom4j dom4j
io.airlift aircompressor
io.fabric8 kubernetes-client
io.github.classgraph classgraph
io.grpc grpc-api grpc-core grpc-netty grpc-netty-shaded grpc-okhttp grpc-protobuf grpc-stub
io.jsonwebtoken jjwt jjwt-api jjwt-impl jjwt-jackson
io.ktor ktor-client-* ktor-server-*
io.lettuce lettuce-core
io.micrometer micrometer-*
io.netty netty netty-all netty-buffer netty-codec netty-codec-* netty-common netty-handler netty-handler-proxy netty-resolver netty-resolver-dns netty-transport netty-transport-*
io.projectreactor reactor-core
io.projectreactor.netty reactor-netty-core reactor-netty-http
io.prometheus.jmx jmx_prometheus_httpserver jmx_prometheus_javaagent
io.undertow undertow-core undertow-servlet undertow-websockets-jsr
io.vertx vertx-core vertx-web
javax.activation activation
javax.mail mail
javax.servlet javax.servlet-api jstl servlet-api
joda-time joda-time
junit junit
log4j log4j apache-log4j-extras
mysql mysql-connector-java
net.java.dev.jna jna jna-platform
net.lingala.zip4j zip4j
net.minidev json-smart
net.sf.ehcache ehcache-core
net.sf.json-lib json-lib
net.sourceforge.htmlunit htmlunit neko-htmlunit
net.sourceforge.nekohtml nekohtml
ognl ognl
org.apache.activemq activemq-all activemq-broker activemq-client activemq-openwire-legacy
org.apache.ant ant
org.apache.avro avro
org.apache.cassandra cassandra-all
org.apache.commons commons-beanutils2 commons-collections4 commons-compress commons-configuration2 commons-csv commons-dbcp2 commons-email commons-exec commons-jexl3 commons-lang3 commons-math3 commons-pool2 commons-text commons-vfs2
org.apache.curator curator-client curator-framework curator-recipes
org.apache.cxf cxf-core cxf-rt-*
org.apache.dubbo dubbo
org.apache.directory.api api-ldap-model
org.apache.groovy groovy groovy-*
org.apache.hadoop hadoop-annotations hadoop-auth hadoop-aws hadoop-client hadoop-client-api hadoop-client-runtime hadoop-common hadoop-hdfs hadoop-hdfs-client hadoop-mapreduce-client-* hadoop-yarn-*
org.apache.hbase hbase-client hbase-common hbase-server
org.apache.hive hive-common hive-exec hive-jdbc hive-metastore hive-service
org.apache.httpcomponents httpclient httpcore httpmime
org.apache.httpcomponents.client5 httpclient5
org.apache.httpcomponents.core5 httpcore5 httpcore5-h2
org.apache.ivy ivy
org.apache.jackrabbit jackrabbit-*
org.apache.kafka connect-api connect-runtime kafka-clients kafka-streams kafka_*
org.apache.logging.log4j log4j-1.2-api log4j-api log4j-core log4j-jcl log4j-jul log4j-layout-template-json log4j-slf4j-impl log4j-slf4j2-impl log4j-to-slf4j log4j-web
org.apache.lucene lucene-*
org.apache.mina mina-core
org.apache.parquet parquet-avro parquet-column parquet-common parquet-hadoop
org.apache.pdfbox fontbox pdfbox xmpbox
org.apache.poi poi poi-ooxml poi-scratchpad
org.apache.shiro shiro-all shiro-core shiro-spring shiro-web
org.apache.solr solr-core solr-solrj
org.apache.spark spark-core_* spark-sql_*
org.apache.struts struts2-core struts2-rest-plugin
org.apache.taglibs taglibs-standard-impl taglibs-standard-spec
org.apache.thrift libthrift
org.apache.tika tika-core tika-parsers
org.apache.tomcat tomcat-annotations-api tomcat-api tomcat-catalina tomcat-catalina-ant tomcat-catalina-ha tomcat-coyote tomcat-coyote-ffm tomcat-dbcp tomcat-el-api tomcat-jasper tomcat-jasper-el tomcat-jaspic-api tomcat-jdbc tomcat-jni tomcat-jsp-api tomcat-juli tomcat-servlet-api tomcat-ssi tomcat-storeconfig tomcat-tribes tomcat-util tomcat-util-scan tomcat-websocket tomcat-websocket-api tomcat-websocket-client-api
org.apache.tomcat.embed tomcat-embed-core tomcat-embed-el tomcat-embed-jasper tomcat-embed-websocket
org.apache.velocity velocity velocity-engine-core
org.apache.ws.security wss4j
org.apache.xmlgraphics batik-* fop xmlgraphics-commons
org.apache.zeppelin zeppelin-interpreter zeppelin-server
org.apache.zookeeper zookeeper zookeeper-jute
org.aspectj aspectjrt aspectjweaver
org.bouncycastle bc-fips bcmail-* bcpg-* bcpkix-* bcprov-* bctls-* bcutil-*
org.codehaus.groovy groovy-all
org.codehaus.jackson jackson-core-asl jackson-mapper-asl
org.codehaus.janino commons-compiler janino
org.codehaus.jettison jettison
org.codehaus.plexus plexus-utils
org.codehaus.woodstox stax2-api woodstox-core-asl
org.eclipse.jetty jetty-client jetty-continuation jetty-http jetty-io jetty-jndi jetty-plus jetty-proxy jetty-security jetty-server jetty-servlet jetty-servlets jetty-util jetty-util-ajax jetty-webapp jetty-xml
org.eclipse.jetty.http2 http2-client http2-common http2-hpack http2-server jetty-http2-common jetty-http2-server
org.eclipse.jgit org.eclipse.jgit
org.elasticsearch elasticsearch elasticsearch-core elasticsearch-x-content
org.freemarker freemarker
org.glassfish jakarta.el javax.el
org.glassfish.jersey.core jersey-client jersey-common jersey-server
org.hibernate hibernate-core hibernate-entitymanager
org.hibernate.validator hibernate-validator
org.hsqldb hsqldb
org.javassist javassist
org.jboss.logging jboss-logging
org.jdom jdom2
org.jetbrains.kotlin kotlin-reflect kotlin-stdlib kotlin-stdlib-common kotlin-stdlib-jdk7 kotlin-stdlib-jdk8
org.json json
org.jsoup jsoup
org.keycloak keycloak-core keycloak-services
org.kohsuke libpam4j
org.liquibase liquibase-core
org.mariadb.jdbc mariadb-java-client
org.mindrot jbcrypt
org.mongodb bson mongo-java-driver mongodb-driver-core mongodb-driver-sync
org.mortbay.jetty jetty jetty-util6
org.mozilla rhino
org.mybatis mybatis mybatis-spring
org.opensearch opensearch
org.postgresql postgresql
org.quartz-scheduler quartz
org.redisson redisson
org.scala-lang scala-library scala-reflect scala-compiler
org.slf4j jcl-over-slf4j jul-to-slf4j log4j-over-slf4j slf4j-api slf4j-ext slf4j-log4j12 slf4j-simple
org.springframework spring-aop spring-aspects spring-beans spring-context spring-context-indexer spring-context-support spring-core spring-expression spring-instrument spring-jcl spring-jdbc spring-jms spring-messaging spring-orm spring-oxm spring-r2dbc spring-test spring-tx spring-web spring-webflux spring-webmvc spring-webmvc-portlet spring-websocket
org.springframework.amqp spring-amqp spring-rabbit
org.springframework.batch spring-batch-*
org.springframework.boot spring-boot spring-boot-*
org.springframework.cloud spring-cloud-*
org.springframework.data spring-data-*
org.springframework.hateoas spring-hateoas
org.springframework.integration spring-integration-*
org.springframework.kafka spring-kafka
org.springframework.ldap spring-ldap-core
org.springframework.retry spring-retry
org.springframework.security spring-security-*
org.springframework.session spring-session-*
org.springframework.webflow spring-webflow
org.springframework.ws spring-ws-core spring-xml
org.testng testng
org.thymeleaf thymeleaf thymeleaf-spring5 thymeleaf-spring6
org.webjars swagger-ui
org.xerial sqlite-jdbc
org.xerial.snappy snappy-java
org.yaml snakeyaml
oro oro
redis.clients jedis
taglibs standard
xalan serializer xalan
xerces xercesImpl
xml-apis xml-apis
`

// knownGroup gives the group of a well-known artifact, or "".
func knownGroup(artifact string) string {
	if artifact == "" || artifact == "-" || strings.ContainsAny(artifact, " \n*") {
		return ""
	}
	if at := wordIn(javaGroups, artifact); at >= 0 {
		return groupAt(at)
	}
	for end := len(artifact) - 1; end > 0; end-- {
		if c := artifact[end-1]; c == '-' || c == '_' {
			if at := wordIn(javaGroups, artifact[:end]+"*"); at >= 0 {
				return groupAt(at)
			}
		}
	}
	return ""
}

// wordIn finds a word that is not the first of its line.
func wordIn(table, word string) int {
	for from := 0; ; {
		i := strings.Index(table[from:], word)
		if i < 0 {
			return -1
		}
		start, end := from+i, from+i+len(word)
		if table[start-1] == ' ' && (table[end] == ' ' || table[end] == '\n') {
			return start
		}
		from = end
	}
}

// formerGroup is where some projects published their older versions, and "" for what may be something else altogether.
func formerGroup(c coordinates) string {
	major, rest, _ := strings.Cut(c.version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	switch {
	case c.artifact == "json" && len(c.version) != len("20231013"):
		return "" // too common a name: versions of org.json's are dates
	case c.artifact == "hibernate-validator" && (major == "3" || major == "4" || major == "5"):
		return "org.hibernate"
	case c.group == "org.eclipse.jetty" && (major == "4" || major == "5" || major == "6"):
		return "org.mortbay.jetty"
	case c.artifact == "netty" && major == "3" && (minor == "0" || minor == "1" || minor == "2"):
		return "org.jboss.netty"
	}
	return c.group
}

func groupAt(at int) string {
	line := javaGroups[strings.LastIndexByte(javaGroups[:at], '\n')+1:]
	group, _, _ := strings.Cut(line, " ")
	return group
}
