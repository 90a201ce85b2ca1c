/*
 * Post.java - posts a batch as Java does, which is what Salesforce runs on
 *
 * usage: java -Djavax.net.ssl.trustStore=FILE Post.java URL
 *
 * Prints the status, or the message of the TLS error.
 */
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import javax.net.ssl.SSLException;

public class Post {
	static final String BATCH = "{\"mpid\":\"9\",\"events\":[{" +
	    "\"event_type\":\"custom_event\"," +
	    "\"data\":{\"event_name\":\"From Java\"}}]}";

	public static void main(String[] arguments) throws Exception {
		HttpURLConnection to = (HttpURLConnection)
		    new URL(arguments[0]).openConnection();
		byte[] key = "key:secret".getBytes(StandardCharsets.UTF_8);

		to.setRequestMethod("POST");
		to.setDoOutput(true);
		to.setRequestProperty("Content-Type", "application/json");
		to.setRequestProperty("Authorization", "Basic " +
		    Base64.getEncoder().encodeToString(key));
		try (OutputStream body = to.getOutputStream()) {
			body.write(BATCH.getBytes(StandardCharsets.UTF_8));
			body.close();
			System.out.println(to.getResponseCode());
		} catch (SSLException error) {
			System.out.println(error.getMessage());
		}
	}
}
