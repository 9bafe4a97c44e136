// java UploadUrlConnection <url> <count> <length|chunked>: uploads 5 MB <count> times, and prints one line for each:
// what the upload got.
import java.io.IOException;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URL;

public class UploadUrlConnection {
  public static void main(String[] args) throws IOException {
    byte[] body = new byte[5 << 20];
    for (int i = 0; i < Integer.parseInt(args[1]); i++) {
      HttpURLConnection connection = (HttpURLConnection) new URL(args[0]).openConnection();
      connection.setRequestMethod("POST");
      connection.setDoOutput(true);
      if (args[2].equals("chunked")) connection.setChunkedStreamingMode(0);
      else connection.setFixedLengthStreamingMode(body.length);
      try {
        try (OutputStream output = connection.getOutputStream()) {
          output.write(body);
        }
        int status = connection.getResponseCode();
        System.out.println(status + " " + connection.getErrorStream().readAllBytes().length);
      } catch (IOException error) {
        System.out.println(error.getMessage());
      }
    }
  }
}
