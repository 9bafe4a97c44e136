// java UploadHttpClient <url> <count> <length|chunked>: uploads 5 MB <count> times, and prints one line for each: what
// the upload got.
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;

public class UploadHttpClient {
  public static void main(String[] args) throws InterruptedException {
    byte[] body = new byte[5 << 20];
    BodyPublisher publisher =
        args[2].equals("chunked")
            ? BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(body))
            : BodyPublishers.ofByteArray(body);
    // Without a version the client would ask a plaintext server for an upgrade to HTTP/2.
    HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    HttpRequest request = HttpRequest.newBuilder(URI.create(args[0])).POST(publisher).build();
    for (int i = 0; i < Integer.parseInt(args[1]); i++) {
      try {
        var response = client.send(request, BodyHandlers.ofByteArray());
        System.out.println(response.statusCode() + " " + response.body().length);
      } catch (IOException error) {
        System.out.println(error.getMessage());
      }
    }
  }
}
