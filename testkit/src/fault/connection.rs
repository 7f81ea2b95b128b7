//! One connection: requests are passed on, answers are passed back, and what shall go wrong does.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use super::{
    Act, Answer, End, Weather,
    head::Head,
    journal::Note,
    shared::{Due, Shared},
};

/// The maximum number of bytes per read. It is small so that backpressure of slow readers takes effect early.
const PIECE: usize = 16 << 10;

pub(super) async fn converse(stream: TcpStream, shared: Arc<Shared>, number: u64) {
    let mut client = BufReader::with_capacity(PIECE, stream);
    let ended = {
        let talk = talk(&mut client, &shared, number);
        tokio::select! {
            ended = talk => ended,
            () = shared.weather.until(|weather| weather == Weather::Down) => Some(End::Reset),
        }
    };
    let mut stream = client.into_inner();
    match ended {
        Some(End::Reset) => {
            // Closing with this set sends a reset instead of an orderly end.
            #[expect(deprecated, reason = "a reset is what is wanted here; zero never blocks")]
            let _ = stream.set_linger(Some(Duration::ZERO));
        }
        Some(End::Fin) => drop(stream.shutdown().await),
        None => {}
    }
}

/// Talks until it is over; says how, if that is our doing.
async fn talk(client: &mut BufReader<TcpStream>, shared: &Shared, number: u64) -> Option<End> {
    loop {
        let head = Head::read(client).await.ok()??;
        shared.weather.until(|weather| weather != Weather::Frozen).await;
        let note = shared.notes().open(&head, number);
        let due = shared.due(head.word(0), head.word(1));
        let mut exchange = Exchange { client, shared, note: &note, due: due.as_ref() };
        match exchange.pass(head).await {
            Ok(None) => {}
            Ok(Some(end)) => return Some(end),
            Err(_) => return None, // one of the two sides left
        }
    }
}

struct Exchange<'a> {
    client: &'a mut BufReader<TcpStream>,
    shared: &'a Shared,
    note: &'a Note,
    due: Option<&'a Due>,
}

impl Exchange<'_> {
    /// Some: the connection ends here.
    async fn pass(&mut self, head: Head) -> io::Result<Option<End>> {
        let asked = self.note.get().clone();
        let said = match self.act() {
            Some(Act::HangUp(end)) => {
                let end = *end;
                self.fired();
                return Ok(Some(end));
            }
            Some(Act::Say(answer)) => Some(answer.clone()),
            Some(Act::SayTo(answer)) => Some(answer(&asked)),
            _ => None,
        };
        if said.is_some() {
            self.fired();
        }
        let said = said.or_else(|| self.shared.guard()?.answer(&asked, &self.shared.host));
        match said {
            Some(answer) => self.say(&head, answer).await.map(|()| None),
            None => self.forward(head).await,
        }
    }

    fn act(&self) -> Option<&Act> {
        self.due.map(|due| &due.act)
    }

    fn fired(&self) {
        if let Some(due) = self.due {
            due.fired(self.note);
        }
    }

    /// Answers in place of the registry.
    async fn say(&mut self, head: &Head, answer: Answer) -> io::Result<()> {
        self.take(head.length().unwrap_or(0), &mut tokio::io::sink()).await?;
        let mut said = Head { start: format!("HTTP/1.1 {} as scripted", answer.status), headers: answer.headers };
        if said.header("content-length").is_none() && said.header("transfer-encoding").is_none() {
            said.set("content-length", Some(&answer.body.len().to_string()));
        }
        self.note.get().status = Some(answer.status);
        said.write(self.client.get_mut()).await?;
        if head.word(0) != "HEAD" {
            self.give(&answer.body).await?;
        }
        Ok(())
    }

    /// Asks the registry.
    async fn forward(&mut self, mut head: Head) -> io::Result<Option<End>> {
        let mut upstream = BufReader::with_capacity(PIECE, TcpStream::connect(self.shared.upstream).await?);
        let length = head.length().unwrap_or(0);
        if head.header("transfer-encoding").is_some() {
            return self.say(&head, Answer::status(411)).await.map(|()| Some(End::Fin)); // no client of ours does that
        }
        // Then the end of the connection is the end of the answer, however it is framed.
        head.set("connection", Some("close"));
        head.write(upstream.get_mut()).await?;
        match self.act() {
            Some(&Act::CutRequest { after, end }) if after < length || length == 0 => {
                self.take(after.min(length), upstream.get_mut()).await?;
                self.fired();
                return Ok(Some(end));
            }
            Some(&Act::StallRequest { after }) if after < length => {
                self.take(after, upstream.get_mut()).await?;
                self.fired();
                std::future::pending().await
            }
            _ => self.take(length, upstream.get_mut()).await?,
        }
        let Some(answer) = Head::read(&mut upstream).await? else { return Ok(Some(End::Fin)) };
        self.note.get().status = answer.word(1).parse().ok();
        if let Some(&Act::Lose(end)) = self.act() {
            self.fired();
            return Ok(Some(end));
        }
        if let Some(&Act::Late(by)) = self.act() {
            self.fired();
            tokio::time::sleep(by).await;
        }
        self.answer(head.word(0) == "HEAD", answer, upstream).await
    }

    /// Passes the answer back.
    async fn answer(
        &mut self,
        bare: bool,
        mut head: Head,
        mut upstream: BufReader<TcpStream>,
    ) -> io::Result<Option<End>> {
        head.set("connection", None);
        let announced = head.length();
        match self.act() {
            Some(Act::Header(name, value)) => {
                let (name, value) = (*name, value.clone());
                head.set(name, value.as_deref());
                self.fired();
            }
            Some(Act::Shorten { to }) => head.set("content-length", Some(&to.to_string())),
            Some(Act::Endless) => {
                head.set("content-length", None);
                head.set("transfer-encoding", Some("chunked"));
            }
            _ => {}
        }
        self.shared.weather.until(|weather| weather != Weather::Frozen).await;
        head.write(self.client.get_mut()).await?;
        if bare {
            return Ok(None);
        }
        if matches!(self.act(), Some(Act::Endless)) {
            return self.never_end(upstream).await;
        }
        let mut at = 0;
        let mut piece = vec![0; PIECE];
        loop {
            if let Some(over) = self.stop(at).await? {
                return Ok(over);
            }
            let room = self.room(at);
            let read = upstream.read(&mut piece[..room]).await?;
            if read == 0 {
                // What was announced and did not come is the registry's own failure, to be passed on.
                return Ok(announced.is_some_and(|announced| at < announced).then_some(End::Fin));
            }
            if let Some(&Act::Flip { at: byte }) = self.act()
                && let Some(byte) =
                    byte.checked_sub(at).and_then(|byte| piece[..read].get_mut(usize::try_from(byte).ok()?))
            {
                *byte ^= 0xff;
                self.fired();
            }
            self.give(&piece[..read]).await?;
            at += read as u64;
        }
    }

    /// Applies the fault that is due after this many bytes. Returns `None` if the transfer continues, `Some(None)` if
    /// it is over and the connection stays open, and `Some(Some(end))` if the connection is closed in this way.
    async fn stop(&mut self, at: u64) -> io::Result<Option<Option<End>>> {
        match self.act() {
            Some(&Act::Cut { after, end }) if after == at => {
                self.client.get_mut().flush().await?;
                self.fired();
                Ok(Some(Some(end)))
            }
            Some(&Act::Stall { after }) if after == at => {
                self.fired();
                // Until the client leaves; it has nothing to say meanwhile.
                let _ = self.client.read_u8().await?;
                Ok(Some(Some(End::Fin)))
            }
            Some(&Act::Shorten { to }) if to == at => {
                self.fired();
                Ok(Some(None))
            }
            _ => Ok(None),
        }
    }

    /// Returns the maximum size of the next read, so that a fault takes effect at its exact byte.
    fn room(&self, at: u64) -> usize {
        let until = match self.act() {
            Some(&Act::Cut { after, .. } | &Act::Stall { after } | &Act::Shorten { to: after }) => after,
            Some(&Act::Throttle { bytes_per_second }) => at + (bytes_per_second / 10).max(1),
            _ => u64::MAX,
        };
        usize::try_from(until.saturating_sub(at)).unwrap_or(PIECE).clamp(1, PIECE)
    }

    async fn never_end(&mut self, mut upstream: BufReader<TcpStream>) -> io::Result<Option<End>> {
        let mut piece = vec![0; PIECE];
        loop {
            let read = match upstream.read(&mut piece).await? {
                0 => PIECE, // after the end of the answer: the current content of the buffer, again and again
                read => read,
            };
            self.client.get_mut().write_all(format!("{read:x}\r\n").as_bytes()).await?;
            self.give(&piece[..read]).await?;
            self.client.get_mut().write_all(b"\r\n").await?;
            self.fired();
        }
    }

    /// Reads so much of the request's body.
    async fn take(&mut self, mut left: u64, to: &mut (impl tokio::io::AsyncWrite + Unpin)) -> io::Result<()> {
        let mut piece = vec![0; PIECE];
        while left > 0 {
            let room = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            let read = self.client.read(&mut piece[..room]).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.shared.weather.until(|weather| weather != Weather::Frozen).await;
            // A registry that answered early takes no more; the answer is what counts then.
            let _ = to.write_all(&piece[..read]).await;
            left -= read as u64;
            self.note.get().received += read as u64;
        }
        Ok(())
    }

    /// Sends so much of the answer's body.
    async fn give(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.shared.weather.until(|weather| weather != Weather::Frozen).await;
        if let Some(&Act::Throttle { bytes_per_second }) = self.act() {
            self.fired();
            let wait = bytes.len() as u64 * 1_000_000 / bytes_per_second.max(1);
            tokio::time::sleep(Duration::from_micros(wait)).await;
        }
        self.client.get_mut().write_all(bytes).await?;
        self.note.get().sent += bytes.len() as u64;
        Ok(())
    }
}
