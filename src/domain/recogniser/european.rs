//! State words of the European languages other than English; see [`super::words`].

use super::words::Class::{
    self, Acknowledged, Alarm, Alive, Bad, BadShy, Detail, Done, Good, GoodShy, Grave, Mild, Not, Now, Over, OverNoun,
    Quiet, Unable, Unreal, Warning, Was,
};

/// Language, class, words.
pub(super) const STATES: &[(&str, Class, &str)] = &[
    (
        "German",
        Over,
        "behoben*, wiederhergestellt*, wieder erreichbar, wieder verfugbar, wieder online, wieder ok, wieder normal, \
         wieder in ordnung, wieder da, wieder aktiv, wieder im*, entwarnung, erholt, aufgehoben, gelost, fehler \
         beendet, storung beendet, warnung beendet, alarm beendet, problem beendet, ausfall beendet, wieder \
         hergestellt, nicht mehr gestort, wieder am netz, wieder behoben, repariert*, normalbetrieb, storungsende, \
         storung ende, zuruckgesetzt, wieder frei*, zuruckgekehrt",
    ),
    ("German", OverNoun, "wiederherstellung, erholung, behebung, gehend"),
    (
        "German",
        Good,
        "erfolg*, in ordnung, erreichbar, verfugbar, lauft, gesund, bestanden, fehlerfrei, gut, verbunden, vorhanden, \
         betriebsbereit, normalzustand, normalwert, normalbereich",
    ),
    ("German", GoodShy, "gestartet, bereit, gehend, gegangen, geht"),
    ("German", Done, "abgeschlossen, fertig, fertiggestellt, durchgefuhrt"),
    (
        "German",
        Bad,
        "ausgefallen*, ausfall*, unerwartet*, fehler, fehlerhaft*, mit fehler beendet, mit fehlern beendet, \
         fehlgeschlagen*, fehlschlag*, gescheitert, gestort*, storung*, storfall, unerreichbar, nicht erreichbar, \
         nicht verfugbar, antwortet nicht, reagiert nicht, lauft nicht, abgesturzt*, absturz, abgebrochen, abbruch, \
         verloren, uberschritten*, uberschreitung, unterschritten*, unterbrochen, gestoppt, angehalten, defekt*, voll, \
         fehlt, notfall, zeituberschreitung, kritisch*, keine antwort, keine verbindung, keine daten, getrennt, \
         abgelaufen, stromausfall, batteriebetrieb, uberlast*, uberhitz*, nicht ok, verweigert, ungultig, unbekannt*, \
         abgelehnt, problem*",
    ),
    ("German", BadShy, "kommend, kommt, gekommen"),
    ("German", Mild, "hoch, niedrig, beeintrachtigt*, eingeschrankt*, langsam, instabil, verzogert*, hohe, niedrige"),
    ("German", Warning, "warnung*"),
    ("German", Grave, "schwerwiegend*, dringend*"),
    ("German", Alarm, "alarm, alarme, alarmierung"),
    ("German", Acknowledged, "quittiert*, quittierung, bestatigt*"),
    (
        "German",
        Quiet,
        "geplante wartung, wartungsmodus, wartungsfenster, wartungsarbeiten, geplanter wartung, wartung*",
    ),
    ("German", Alive, "lebenszeichen"),
    ("German", Not, "nicht, kein, keine, keinen, ohne, nie, nicht mehr, keine weiteren"),
    ("German", Unreal, "wenn, falls, sobald, bis, wird, werden, muss, mussen, soll, sollte, sollten, kann"),
    ("German", Unable, "konnte nicht, kann nicht, konnten nicht"),
    ("German", Was, "war, vorher, zuvor, bisher"),
    ("German", Now, "jetzt, nun, aktuell"),
    ("German", Detail, "seit, wegen, aufgrund, ursache, grund, dauer"),
    (
        "French",
        Over,
        "resolu*, retabli*, restaure*, retour a la normale, retour normal, revenu* a la normale, de nouveau \
         disponible*, a nouveau disponible*, de nouveau en ligne, repond a nouveau, repond de nouveau, a nouveau, fin \
         d'alerte, fin d'alarme, fin alerte, fin alarme, fin d'incident, fin de l'alerte, fin de l'alarme, fin de \
         l'incident, fin d'intervention, repare*, fin du probleme, revenu* a l'etat normal, de retour, corrige*, \
         termine l'incident, cloture*, fin incident, est revenu*, retour a l'etat normal, retour secteur, fin defaut",
    ),
    ("French", OverNoun, "retablissement, recuperation, resolution, reprise"),
    (
        "French",
        Good,
        "succes, reussi*, reussite, normal*, disponible*, accessible*, joignable*, en ligne, fonctionne, \
         operationnel*, sain*, repond, demarre*, en service, connecte*",
    ),
    ("French", Done, "termine*, acheve*, fini"),
    (
        "French",
        Bad,
        "echec*, echou*, erreur*, panne*, en panne, defaut*, defaillan*, indisponible*, inaccessible*, injoignable*, \
         hors ligne, hors service, ne repond plus, ne repond pas, ne fonctionne pas, ne fonctionne plus, ne demarre \
         pas, critique*, perdu*, perte, arrete*, interrompu*, interruption*, coupure*, depass*, deconnecte*, refuse*, \
         sature*, declenche*, plein*, expire*, urgence, introuvable*, manquant*, impossible, sur batterie, aucune \
         reponse, inconnu*, surcharge*, surchauffe*, probleme*, incident",
    ),
    ("French", Mild, "eleve*, degrade*, lent*, faible*, instable*, retard*, bas, haute"),
    ("French", Warning, "avertissement*, attention"),
    ("French", Grave, "majeur*, grave"),
    ("French", Alarm, "alarme*"),
    ("French", Acknowledged, "acquitte*, acquittement, pris en charge, prise en charge"),
    (
        "French",
        Quiet,
        "maintenance programmee, maintenance planifiee, fenetre de maintenance, debut de maintenance, fin de \
         maintenance",
    ),
    ("French", Not, "pas, aucun*, sans, jamais, ne"),
    ("French", Unable, "impossible de, n'a pas pu, n'a pu"),
    ("French", Was, "etait, precedemment, auparavant, ancien etat, etat precedent"),
    ("French", Now, "maintenant, desormais, devenu, passe a"),
    ("French", Detail, "depuis, cause, raison, suite a, duree"),
    (
        "Spanish and Portuguese",
        Over,
        "resuelt*, recuperad*, restablecid*, restaurad*, solucionad*, normalizad*, vuelt* a la normalidad, ha vuelto, \
         de nuevo disponible, de nuevo en linea, nuevamente disponible, de vuelta, vuelve a responder, vuelve a estar, \
         retorno a la normalidad, resolvid*, restabelecid*, solucionad*, voltou*, de volta ao normal, retorno ao \
         normal, retornou*, normalizou, voltaram, fin de alarma, fin de la alarma, fim do alarme, fim de alarme, fim \
         do alerta, fin de la alerta, alarma borrada, cerrad*, encerrad*, corregid*, corrigid*, volvio*, esta de \
         volta, reparad*, reestablecid*, recuperou*, se recupero, fin del incidente, fim do incidente, fin de \
         incidencia",
    ),
    (
        "Spanish and Portuguese",
        OverNoun,
        "recuperacion, recuperacao, resolucion, resolucao, restablecimiento, restabelecimento",
    ),
    (
        "Spanish and Portuguese",
        Good,
        "exito*, exitos*, correct*, disponible*, disponivel, accesible*, acessivel, en linea, em linha, funcionando, \
         operativo*, operacional, sucesso, bem-sucedid*, bem sucedid*, normalidad, saludable, saudavel, responde, \
         conectad*, iniciad*, no ar, em execucao, en ejecucion",
    ),
    ("Spanish and Portuguese", Done, "completad*, terminad*, finalizad*, concluid*, completo, completou"),
    (
        "Spanish and Portuguese",
        Bad,
        "fallo*, falla*, fallid*, fallado, fallas, error*, caid*, caida*, no responde*, no disponible*, no funciona*, \
         fuera de linea, fuera de servicio, inaccesible*, desconectad*, inalcanzable, critic*, perdid*, perdida*, \
         detenid*, interrumpid*, supera*, superad*, excedid*, excede*, rechazad*, agotad*, averia*, emergencia*, sin \
         respuesta, sin conexion, sin datos, llen*, corte*, falha*, falhou, falharam, erro*, queda*, caiu, \
         indisponivel, indisponive*, fora do ar, fora de servico, inacessivel, nao responde*, nao disponivel, nao \
         funciona*, parad*, interrompid*, excedeu, ultrapass*, recusad*, esgotad*, perdeu, sem resposta, sem conexao, \
         sem dados, cheio, cheia, em bateria, en bateria, expirad*, vencid*, desconhecid*, desconocid*, sobrecarg*, \
         problema*, abortad*, cancelad*, inativo, inactivo, bloquead*, ausente, no se encuentra, inalcancavel",
    ),
    (
        "Spanish and Portuguese",
        Mild,
        "alto, alta, bajo, baja, baixo, baixa, degradad*, lento, lenta, elevad*, inestable, instavel, retras*, atras*",
    ),
    ("Spanish and Portuguese", Warning, "advertencia*, aviso, advertencias, atencion, atencao"),
    ("Spanish and Portuguese", Grave, "grave, urgente, mayor"),
    ("Spanish and Portuguese", Alarm, "alarma*, incidente*, incidencia*"),
    ("Spanish and Portuguese", Acknowledged, "reconocid*, reconhecid*, reconocimiento, reconhecimento, confirmad*"),
    (
        "Spanish and Portuguese",
        Quiet,
        "mantenimiento programad*, mantenimiento planificad*, ventana de mantenimiento, manutencao programada, \
         manutencao planejada, janela de manutencao, inicio de mantenimiento, fin de mantenimiento",
    ),
    ("Spanish and Portuguese", Not, "sin, nao, sem, nunca, ningun*, nenhum*, ya no, nao mais"),
    ("Spanish and Portuguese", Unable, "no se pudo, no pudo, nao foi possivel, nao conseguiu, no se ha podido"),
    ("Spanish and Portuguese", Was, "era, estaba, estava, anteriormente, anterior"),
    ("Spanish and Portuguese", Now, "ahora, agora, actualmente, ahora esta, agora esta"),
    ("Spanish and Portuguese", Detail, "desde, debido a, devido a, motivo, razon, razao, duracion, duracao"),
    (
        "Italian",
        Over,
        "risolt*, ripristinat*, rientrat*, tornat*, di nuovo disponibile, di nuovo online, fine allarme, chius*",
    ),
    ("Italian", OverNoun, "ripristino, risoluzione, rientro"),
    ("Italian", Good, "riuscit*, successo, normale, raggiungibile, disponibile, in linea, funzionante"),
    ("Italian", Done, "completat*, terminat*, conclus*"),
    (
        "Italian",
        Bad,
        "fallit*, fallimento, errore*, errori, guasto, guasti, irraggiungibile, non raggiungibile, non disponibile, \
         non risponde, fuori servizio, critico, critica, interrott*, superat*, pieno, piena, pers*, spento, \
         scollegat*, bloccat*, scadut*, emergenza, sconosciut*",
    ),
    ("Italian", Mild, "elevat*, degradat*, lento, basso, bassa"),
    ("Italian", Warning, "avviso, avvertimento, attenzione"),
    ("Italian", Alarm, "allarme, allarmi"),
    ("Italian", Detail, "dal, causa, durata"),
    (
        "Dutch",
        Over,
        "opgelost, hersteld, herstel, weer bereikbaar, weer beschikbaar, weer online, weer normaal, afgemeld",
    ),
    ("Dutch", Good, "geslaagd, succesvol, bereikbaar, beschikbaar, normaal, in orde"),
    ("Dutch", Done, "voltooid, afgerond, klaar"),
    (
        "Dutch",
        Bad,
        "mislukt*, vol, bijna vol, fout*, storing*, uitgevallen, uitval, onbereikbaar, niet bereikbaar, niet \
         beschikbaar, kritiek*, verbroken, overschreden, gestopt, verlopen, defect*, geen verbinding, geen antwoord, \
         reageert niet, onbekend",
    ),
    ("Dutch", Mild, "hoog, laag, traag"),
    ("Dutch", Warning, "waarschuwing*"),
    ("Dutch", Not, "niet, geen, zonder"),
    ("Dutch", Detail, "sinds, vanwege, wegens, oorzaak"),
    (
        "Polish, Czech, Swedish, Danish, Norwegian, Finnish, Turkish",
        Over,
        "rozwiazan*, przywrocon*, naprawion*, odzyskan*, vyresen*, obnoven*, atgardat, aterstalld*, aterhamtad*, \
         afhjulpet, genoprettet, gjenopprettet, palautunut, korjattu, cozuldu, duzeldi, normale dondu, giderildi",
    ),
    (
        "Polish, Czech, Swedish, Danish, Norwegian, Finnish, Turkish",
        Good,
        "sukces, powodzeniem, dostepn*, pomysl*, poprawn*, dziala, dziala poprawnie, dostupn*, uspesn*, uspech, \
         normalt, tillganglig*, lyckades, lyckad, vellykket, onnistui, basarili, erisilebilir, calisiyor",
    ),
    (
        "Polish, Czech, Swedish, Danish, Norwegian, Finnish, Turkish",
        Bad,
        "awari*, blad*, niedostepn*, nie dziala, nie odpowiada, nie powiodl*, niepowodzen*, krytyczn*, utracon*, \
         selhan*, selhal*, chyba*, vypad*, nedostupn*, kriticky*, fel, misslyckades, misslyckad*, avbrott, \
         otillganglig*, kritisk*, svarar inte, fejl*, mislykkedes, feil*, utilgjengelig, nede, vika, virhe, \
         epaonnistui, hata*, ariza*, basarisiz, erisilemiyor, kesinti, kritik",
    ),
    (
        "Polish, Czech, Swedish, Danish, Norwegian, Finnish, Turkish",
        Done,
        "zakonczon*, dokoncen*, slutford, fullfort, afsluttet, tamamlandi",
    ),
    ("Polish, Czech, Swedish, Danish, Norwegian, Finnish, Turkish", Not, "nie, neni, inte, ikke, ej, ei, degil"),
    (
        "Polish, Czech, Swedish, Danish, Norwegian, Finnish, Turkish",
        Warning,
        "ostrzezen*, varovani, varning, advarsel, varoitus, uyari",
    ),
    (
        "Russian and Ukrainian",
        Over,
        "восстановлен*, решен*, устранен*, снова доступ*, снова работа*, вирішен*, відновлен*, закрыт*, снят*, \
         вернул*, норме",
    ),
    ("Russian and Ukrainian", OverNoun, "восстановление, відновлення, решение"),
    (
        "Russian and Ukrainian",
        Good,
        "успешн*, успех, доступен, доступна, доступно, доступны, работает, норма, нормально, исправен, ок, включен*, \
         запущен*",
    ),
    ("Russian and Ukrainian", Done, "заверш*, выполнен*, закончен*"),
    (
        "Russian and Ukrainian",
        Bad,
        "сбо*, ошибк*, авари*, недоступ*, не доступ*, не отвечает, не работает, отказ*, критич*, превыш*, потер*, \
         упал*, остановлен*, отключен*, нет связи, нет ответа, нет данных, неудач*, не удалось, помилк*, недоступн*, \
         збі*, переполнен*, проблем*, неисправ*, истек*, прерван*, падени*",
    ),
    ("Russian and Ukrainian", Mild, "высок*, низк*, медленн*"),
    ("Russian and Ukrainian", Warning, "предупрежд*, внимание, попередж*"),
    ("Russian and Ukrainian", Alarm, "тревог*, инцидент*"),
    ("Russian and Ukrainian", Acknowledged, "подтвержден*, принят*"),
    ("Russian and Ukrainian", Not, "не, нет, без, немає"),
    ("Russian and Ukrainian", Detail, "причина, порог"),
];
